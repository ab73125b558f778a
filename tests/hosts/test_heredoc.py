from __future__ import annotations

import shutil
import subprocess

import pytest

from .inserting import anchors, check_offsets, insert, insert_only, read, text, with_rule

POLICY = "profile x {\n  network,\n  deny @{PROC}/* w,\n}\n"


def run(interpreter: str, script: bytes) -> str:
    done = subprocess.run([interpreter], input=script, capture_output=True, check=True, timeout=30)
    return done.stdout.decode()


@pytest.mark.parametrize(
    "script",
    [
        "cat <<EOF\n{}EOF\n",
        "cat <<'EOF'\n{}EOF\necho EOF >/dev/null\n",
        'cat << "E O F"\n{}E O F\n',
        "cat <<\\EOF | cat\n{}EOF\n",
        "x=1\ncat <<EOF \\\n  | cat\n{}EOF\n",
        "cat <<A >/dev/null; cat <<B\nfile,\nA\n{}B\n",
        "x=$((1<<2)); : <<< EOF\n# cat <<NONE\ncat <<EOF\n{}EOF\n",
        "if true; then cat <<-EOF\n{}\tEOF\nfi\n",
        "printf '%s' '{}'\n",
        'x="{}"\nprintf %s "$x"\n',
    ],
)
@pytest.mark.parametrize("body", [POLICY, POLICY.replace("  ", "\t\t")])
def test_the_shell_gets_one_more_line(script: str, body: str) -> None:
    content = script.replace("{}", body).encode()
    found = read("heredoc", "x.sh", content)
    for embedding in found:
        check_offsets(content, embedding)
    before, after = run("bash", content), run("bash", insert_only(content, found))
    assert before.strip()
    assert after == with_rule(before)


@pytest.mark.parametrize(
    "script",
    [
        "echo 'profile x {'\necho '  network,'\necho '}'\n",
        'f() { echo "$@"; }\nf "profile x {" 1\nf "  network," 1\nf "}" 1\n',
        "printf '%s\\n' \\\n  'profile x {' \\\n  '  network,' \\\n  '}'\n",
        "printf '%s\\n' 'profile x {' \\\n  '}' \\\n  '  network,'\n",
        "{\n  echo -e 'profile x {\\n  network,\\n}'\n}\n",
        "echo -e 'profile x {\\n\\\n  network,\\n\\\n}'\n",
    ],
)
def test_strings_of_the_shell(script: str) -> None:
    content = script.encode()
    before = run("bash", content)
    found = read("heredoc", "x.bash", content)
    after = run("bash", insert(content, *anchors(found)[0])) if anchors(found) else ""
    if "\\n\\\n" in script:  # in single quotes, echo alone takes the escapes
        assert after.count("deny network alg,") == 1
        assert after.replace("\\\n", "").count("\n") == before.replace("\\\n", "").count("\n") + 1
        return
    expected = with_rule(before) if " 1\n" not in before else before.replace(
        "  network, 1\n", "  network, 1\n  deny network alg, 1\n"
    )  # fmt: skip
    assert after == expected


def test_escapes_of_an_expanding_here_document() -> None:
    content = b"cat <<EOF\ndeny \\$x \\\\ \\`y\\` \\n w,\nnetwork,\nEOF\n"
    (embedding,) = read("heredoc", "x.sh", content)
    check_offsets(content, embedding)
    assert text(embedding).decode() + "\n" == run("bash", content)


def test_a_literal_here_document_escapes_nothing() -> None:
    content = b"cat <<'EOF'\ndeny \\$x w,\nnetwork,\nEOF\n"
    (embedding,) = read("heredoc", "x.sh", content)
    assert text(embedding).decode() + "\n" == run("bash", content)


@pytest.mark.parametrize(
    "script",
    [
        'print <<"EOT" . "";\nprofile x {\n\\tnetwork,\n  deny \\@{PROC}/\\$x w,\n}\nEOT\n',
        "print <<'EOT';\nprofile x {\n  network,\n  deny @{PROC}/* w,\n}\nEOT\n",
        "print <<~EOT, 1 << 2;\n    profile x {\n      network,\n    }\n    EOT\n",
        "print join \"\\n\", (\n  'profile x {',\n  '  network,',\n  '}',\n  '',\n);\n",
        "print 'profile x {\n  network,\n}\n';\n",
        'my $x = "profile x {\\n" .\n  "  network,\\n" .\n  "}\\n";\nprint $x;\n',
    ],
)
def test_perl_gets_one_more_line(script: str) -> None:
    assert shutil.which("perl"), "git needs perl, so it is there"
    content = script.encode()
    found = read("heredoc", "x.pl", content)
    for embedding in found:
        check_offsets(content, embedding)
    before, after = run("perl", content), run("perl", insert_only(content, found))
    assert before.strip()
    assert after == with_rule(before)


@pytest.mark.parametrize(
    ("path", "content", "host"),
    [
        ("a/Dockerfile", b"RUN <<EOF\nnetwork,\nEOF\n", "dockerfile"),
        ("Dockerfile.build", b"COPY <<-EOF /x\n\tnetwork,\n\tEOF\n", "dockerfile"),
        ("x.tf", b"x = <<-EOF\n    network,\n  EOF\n", "hcl"),
        ("x.hcl.tmpl", b"x = <<EOF\nnetwork,\nEOF\n", "hcl"),
        ("x.rb", b"x = <<~EOF.strip + <<-B\n  network,\n  EOF\n b\n B\n", "ruby"),
        ("x.php", b"$x = <<<'EOF'\n  network,\n  EOF;\n", "php"),
        ("x.php", b'$x = f(<<<EOF\n  network,\n  EOF, 1);\n', "php"),
        ("script", b"#!/usr/bin/env bash\ncat <<EOF\nnetwork,\nEOF\n", "shell"),
        ("script", b"#!/usr/bin/perl -w\nprint <<EOF;\nnetwork,\nEOF\n", "perl"),
    ],
)  # fmt: skip
def test_each_language_s_end_is_found(path: str, content: bytes, host: str) -> None:
    found = read("heredoc", path, content)
    assert [(e.host, text(e).strip()) for e in found] == [(host, b"network,")]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("x.sh", b"cat <<EOF\nnetwork,\n EOF\n"),  # the shell wants the word alone
        ("x.sh", b"cat <<< EOF\nnetwork,\nEOF\n"),
        ("x.rb", b"list << EOF_LIST\nnetwork,\n"),
    ],
)
def test_what_is_no_here_document_is_read_as_it_stands(path: str, content: bytes) -> None:
    (embedding,) = read("heredoc", path, content)
    assert text(embedding) == content.rstrip(b"\n")


def test_terraform_escapes() -> None:
    content = b"x = <<EOF\n$${a} %%{ if } ${b}\nnetwork,\nEOF\n"
    (embedding,) = read("heredoc", "x.tf", content)
    check_offsets(content, embedding)
    assert text(embedding) == b"${a} %{ if } ${b}\nnetwork,"
    assert embedding.escape(b"${a}") == b"$${a}"
