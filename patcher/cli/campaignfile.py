"""``--file``: a campaign file sets the options that the command line leaves open."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from patcher.campaignfile import NAME
from patcher.campaignfile.known import why_not
from patcher.campaignfile.reading import CampaignFile, Setting, WrongFile, read
from patcher.cli.errors import Failed, Wrong
from patcher.git.errors import GitError
from patcher.text import printable
from patcher.yamltree import START

if TYPE_CHECKING:
    from patcher.campaign.steps import Item
    from patcher.sources import Tally

_META = "patcher.campaignfile"
_TOGETHER = (("paths", "lists"), ("message", "message_file"))
"""Options of which one on the command line takes the place of all that the file says."""
_GIVEN = (str, int, list, tuple)
_NAMED = ("paths", "lists", "name")
"""What says on the command line that no file is meant."""


class Loaded(NamedTuple):
    """A campaign file, and what it set, by the names of the command's parameters."""

    file: CampaignFile
    settings: Mapping[str, Setting]


def loaded() -> Loaded | None:
    """The campaign file of the command that runs; None without one."""
    found: Loaded | None = click.get_current_context().meta.get(_META)
    return found


def unnamed(ctx: click.Context, args: Sequence[str]) -> bool:
    """Whether the campaign file in the current folder is meant, where none is named. Raises Wrong
    where it is not known who wrote it."""
    said = given(ctx, args)
    if said is None or any(said.get(name) for name in (*_NAMED, "file")):
        return False
    try:
        reason = why_not(NAME)
    except (GitError, OSError) as error:
        raise Failed(f"{NAME}: {getattr(error, 'strerror', None) or error}") from None
    if reason:
        raise Wrong(
            f"{NAME} {reason}, so it is not run unasked: `patcher apply --file {NAME}` runs it, "
            "and `patcher apply .` commits in the repositories here"
        )
    return True


def settle(ctx: click.Context, args: Sequence[str]) -> None:
    """Read the file that ``--file`` names, and let it set the options that ``args`` leave open.
    Raises Wrong."""
    said = given(ctx, args)
    if said is None or not said.get("file"):
        return
    try:
        file = read(said["file"])
        params = {opt: param for param in ctx.command.params for opt in param.opts}
        params |= {"SOURCE": params["paths"]} if "paths" in params else {}
        taken = {name for name, value in said.items() if name != "paths" or value}
        for group in _TOGETHER:
            if taken & set(group):
                taken.update(group)
        settings = {
            str(param.name): setting
            for setting in file.settings
            if (param := params.get(setting.option)) is not None and param.name not in taken
            # A campaign knows its sources and options, and what is named here is a run of its own.
            if param.name != "name" or _keeps(ctx, said)
        }
        check_sources(file)
        if not ({"paths", "lists", "name"} & (set(settings) | taken)):
            raise file.wrong(START, "'sources' is missing: add it, or name a SOURCE")
    except WrongFile as error:
        raise Wrong(str(error)) from None
    ctx.meta[_META] = Loaded(file, settings)
    _use_tokens(ctx, file)
    folder = os.path.dirname(said["file"])  # noqa: PTH120
    values = {name: _value(ctx, name, setting, folder) for name, setting in settings.items()}
    ctx.default_map = {name: value for name, value in values.items() if value is not None}


def _keeps(ctx: click.Context, said: Mapping[str, Any]) -> bool:
    """Whether what is done is recorded in the campaign that the file names."""
    return ctx.command.name == "apply" and not (said.get("dry_run") or said.get("strict"))


def placed(ctx: click.Context, error: click.ClickException) -> click.ClickException:
    """The error; where a setting of the file is wrong, one that says where it stands."""
    found: Loaded | None = ctx.meta.get(_META)
    setting = None if found is None else _meant(ctx, found, error)
    if found is None or setting is None:
        return error
    near = zip(_words(setting), setting.items, strict=False)
    place = next((at for word, at in near if _quoted(error, word)), setting.place)
    text = error.message
    if setting.option not in text:
        text = f"{setting.key!r}: {text}"
    return Wrong(str(found.file.wrong(place, text)))


def _meant(ctx: click.Context, found: Loaded, error: click.ClickException) -> Setting | None:
    """The setting that an error is about: that of its parameter, of an option that it names, or of
    a value that it quotes."""
    param = getattr(error, "param", None)
    if param is not None:
        is_from_file = ctx.get_parameter_source(param.name) is ParameterSource.DEFAULT_MAP
        return found.settings.get(param.name) if is_from_file else None
    named = re.findall(r"--[a-z-]+", error.message)
    for setting in found.settings.values():
        if setting.option in named or any(_quoted(error, word) for word in _words(setting)):
            return setting
    return None


def _words(setting: Setting) -> Sequence[str]:
    value = setting.value
    return value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()


def _quoted(error: click.ClickException, word: str) -> bool:
    return repr(word) in error.message or error.message.startswith(f"{word}: ")


def _use_tokens(ctx: click.Context, file: CampaignFile) -> None:
    """Take the tokens of the servers that the file names from where it says. Raises Wrong."""
    if not file.hosts:
        return
    from patcher.forges import WrongName, tokens

    sources = []
    for each in file.hosts:
        try:
            sources.append(tokens.source(each.host, each.forge, each.env, each.login))
        except WrongName as error:
            raise Wrong(str(file.wrong(each.place, str(error)))) from None
    tokens.use(sources)
    ctx.call_on_close(lambda: tokens.use(()))


def given(ctx: click.Context, args: Sequence[str]) -> dict[str, Any] | None:
    """What stands on the command line, by the names of the parameters; None where that is not for
    us: a page of help, or something that is no option."""
    try:
        said, _, _ = ctx.command.make_parser(ctx).parse_args(list(args))
    except click.UsageError:
        return None  # the command says so itself
    # click writes a value of its own for an argument that is not there.
    said = {name: value for name, value in said.items() if isinstance(value, _GIVEN)}
    return None if said.get("help") else said


def _value(ctx: click.Context, name: str, setting: Setting, folder: str) -> Any:
    """The value as click takes it from elsewhere than the command line; None: as without it."""
    param = next(each for each in ctx.command.params if each.name == name)
    value: Any = setting.value
    if isinstance(value, bool) and not getattr(param, "is_flag", False):
        return "" if value else None  # as the option without its value
    if setting.is_path:
        words = value if isinstance(value, tuple) else (value,)
        words = tuple(located(word, setting.option, folder) for word in words)
        value = words if isinstance(value, tuple) else words[0]
    return value


def located(word: str, option: str, folder: str) -> str:
    """A path as it is from here, where it is relative to the file."""
    from patcher.sources.words import is_path

    if option == "SOURCE" and not is_path(word):
        return word
    if option == "--migration" and "/" not in word and not word.endswith((".yaml", ".yml")):
        return word
    if word == "~" or word.startswith("~/"):
        return os.path.expanduser(word)  # noqa: PTH111
    return word if not folder or word == "-" else os.path.join(folder, word)  # noqa: PTH118


def check_sources(file: CampaignFile) -> None:
    """Raise WrongFile for a clone URL with a password."""
    from patcher import git

    for setting in file.settings:
        if setting.option == "SOURCE" and isinstance(setting.value, tuple):
            for word, place in zip(setting.value, setting.items, strict=True):
                if git.is_address(word) and git.Address.parse(word).secret is not None:
                    raise file.wrong(
                        place,
                        f"{printable(git.without_secret(word))} has a user or password: take it "
                        "out; git's credential helpers know it, or say under 'forges' where the "
                        "token comes from",
                    )


def _is_said(ctx: click.Context, name: str) -> bool:
    """Whether an option stands on the command line, which beats the file."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def overrides(names: Collection[str]) -> tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]:
    """As `patcher.cli.options.overrides`. Raises Wrong."""
    ctx, found = click.get_current_context(), loaded()
    if found is None:
        return ()
    params = {opt: param for param in ctx.command.params for opt in param.opts}
    made = []
    for each in found.file.overrides:
        changes = []
        for setting in each.settings:
            param = params.get(setting.option)
            if param is not None and param.name in names and not _is_said(ctx, param.name):
                raw = _value(ctx, param.name, setting, "")
                try:
                    changes.append((param.name, param.process_value(ctx, raw)))
                except click.BadParameter as error:
                    text = f"{setting.key!r}: {error.message}"
                    raise Wrong(str(found.file.wrong(setting.place, text))) from None
        if changes:
            made.append((each.match, tuple(changes)))
    return tuple(made)


def with_overrides(items: Iterable[Item], tally: Tally) -> Iterator[Item]:
    """The repositories with the bases that the file has for them; ``tally`` counts what each of its
    globs matches."""
    from patcher import git
    from patcher.campaign.steps import place
    from patcher.sources.filters import matching

    found = loaded()
    overrides = () if found is None else found.file.overrides
    has_bases = _is_said(click.get_current_context(), "bases")
    matches = dict.fromkeys((f"repositories: match: {each.match!r}" for each in overrides), 0)
    for item in items:
        if not isinstance(item, git.Failure):
            for label, each in zip(matches, overrides, strict=True):
                if matching([each.match], place(item)):
                    matches[label] += 1
                    for one in each.settings:
                        is_base = one.option == "--base" and not has_bases
                        if is_base and isinstance(one.value, tuple):
                            item = replace(item, bases=one.value)
        yield item
    tally.kept.update(matches)  # which the sources begin
