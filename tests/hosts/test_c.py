from __future__ import annotations

from pathlib import Path

import pytest

from .inserting import anchors, insert, read, text
from .programs import check, output, printed, tool

SOURCE = r"""
/* profile in_comment {
 *   network,
 * }
 */
#include <stdio.h>

#define NAME "x"
#define MACRO "profile a flags=(attach_disconnected,mediate_deleted) {\n" \
	"  network,\n" \
	"  deny mount,\n" \
	"}\n"
#define CONTINUED "profile b {\n\
	network,\n\
	deny mount,\n\
}\n"
#define LAST \
	"profile c {\n" \
	"\tfile,\n" \
	"\tnetwork,\n"

static const char adjacent[] =
	"profile " NAME " flags=(attach_disconnected,mediate_deleted) {\n"
	"  network,\n"  /* all of it */
	"  deny mount,\n"

	// capabilities
	"  capability,\n"
	"}\n";
static const char last[] =
	"profile d {\n"
	"  deny mount,\n"
	"  network,\n";
static const char *list[] = {
	"profile e {",
	"  network,",
	"}",
	NULL
};
static const char *array[4] = {
	"profile g {",
	"  network,",
	"}",
	NULL
};
static const char *line[] = { "file,", "network,", NULL };
static const char one[] = "profile f {\n  network,\n  file,\n}\n";

static void show(const char *value)
{
	printf("%s=====\n", value);
}

static void join(const char **rules)
{
	for (; *rules; rules++)
		printf("%s\n", *rules);
	printf("=====\n");
}

int main(void)
{
	FILE *out = stdout;
	char quote = '"';
	int network = quote ? 1 : 0;
	show(MACRO);
	show(CONTINUED);
	show(LAST);
	show(adjacent);
	show(last);
	join(list);
	join(array);
	join(line);
	show(one);

	fprintf(out, "profile %s {\n", NAME);
	if (network) {
		fprintf(out, "\tnetwork,\n");
	}
	fputs("\tdeny mount,\n", out);
	fprintf(out, "}\n");
	show("");
	return 0;
}
"""

PLUS_PLUS = r"""
#include <iostream>
#include <string>
#include <vector>

static const char *raw = R"(
profile a {
  network,
}
)";
static const auto named = R"x(profile ")" {
	network,
})x";

static void show(const std::string &value)
{
	std::cout << value << "=====\n";
}

int main()
{
	const std::string name = "x";
	const int digits = 1'000'000;
	show(raw);
	show(named);
	std::cout << "profile b {\n"
		<< "  network,\n"
		<< "  signal peer=" << name << ",\n"
		<< "}" << std::endl;
	show("");
	std::cout << "profile c {" << std::endl;
	std::cout << "  network," << std::endl;
	std::cout << "}" << std::endl;
	show("");
	std::string policy = "profile d {\n";
	policy += "  network,\n";
	if (digits) policy += "  file,\n";
	policy += "}\n";
	show(policy);
	std::vector<std::string> lines;
	lines.push_back("profile e {");
	lines.push_back("  network,");
	lines.push_back("}");
	for (const auto &line : lines)
		std::cout << line << "\n";
	show("");
	show("profile f {\n" + std::string("  network,\n") + "}\n");
}
"""


@pytest.mark.parametrize(
    ("compiler", "path", "source", "count"),
    [("gcc", "main.c", SOURCE, 10), ("g++", "main.cc", PLUS_PLUS, 7)],
)
def test_every_dressing(tmp_path: Path, compiler: str, path: str, source: str, count: int) -> None:
    found = tool(compiler)

    def values(content: bytes) -> list[str]:
        (tmp_path / path).write_bytes(content)
        output(found, "-w", "-O0", "-o", "main", path, cwd=tmp_path)
        return printed(output(tmp_path / "main"))

    check("code", path, source, values, count)


def test_comments_are_documentation() -> None:
    content = SOURCE.encode()
    found = [e for e in read("code", "x.h", content) if e.documentation]
    assert b"\n *   network,\n *   deny network alg,\n" in insert(content, *anchors(found)[0])


@pytest.mark.parametrize(
    "line",
    [
        'if (strstr(policy, "network,")) {',
        'if (!strcmp(line, "network,"))',
        'assert(policy == "network,");',
        "call(network, capability, file);",
    ],
)
def test_what_looks_for_a_rule_is_no_policy(line: str) -> None:
    content = f'void f() {{\n\tchar *p = "profile x {{";\n\t{line}\n'.encode()
    assert not [text(e) for e in read("code", "x.c", content) if b"network" in text(e)]


def test_a_name_between_literals_is_a_placeholder() -> None:
    (found,) = read(
        "code", "x.c", b'x = "profile " NAME " {\\n" "network,\\n" QUALIFIER "file,\\n";\n'
    )
    assert text(found) == b"profile ${} {\nnetwork,\n${}file,"


def test_an_operator_between_literals_is_a_placeholder() -> None:
    found = read("code", "x.cc", b'out << qualifier << "network,\\n";\nout << "network,\\n";\n')
    assert text(found[0]).splitlines()[0] == b"${}network,"
