"""Reading recipes and their prompt files: every fault is told with its place and what to do about it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from bootstruct.cli import cli
from bootstruct.config.loading import prompt_files, read_recipe, recipe_folder, recipe_lines, recipe_names
from bootstruct.config.recipe import Ask, Recipe
from bootstruct.errors import InputError
from bootstruct.run.folder import read_plan
from bootstruct.run.init import init_run
from bootstruct.stages.dry_run import dry_run


def values(name: str = "paper") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((recipe_folder(name) / "recipe.yaml").read_text(encoding="utf-8"))
    return loaded


def written(tmp_path: Path, content: str | dict[str, Any]) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return path


def recipe_fault(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_recipe(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


@pytest.mark.parametrize("name", recipe_names())
def test_a_copied_recipe_is_the_same_recipe(tmp_path: Path, name: str) -> None:
    """Prompt files that are not beside it are those of the shipped recipes."""
    assert read_recipe(written(tmp_path, values(name))) == read_recipe(Path(str(recipe_folder(name) / "recipe.yaml")))


@pytest.mark.parametrize(
    ("name", "folder"), [(name, "prompts") for name in recipe_names()] + [("paper", "."), ("original", "paper")]
)
def test_prompt_files_beside_the_recipe_come_first(tmp_path: Path, name: str, folder: str) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    for file, text in prompt_files(name).items():
        (tmp_path / folder / file).write_text(f"Mine: {text}", "utf-8")
    recipe = read_recipe(written(tmp_path, values(name)))
    together = (recipe.classify_together,) if recipe.classify_together else ()
    together += (recipe.propose.evolve.ask,) if recipe.propose.evolve else ()
    assert len(prompt_files(name)) == 4 + len(together)
    found = {ask.prompt for ask in (recipe.propose.ask, recipe.classify, *together, *asks(recipe))}
    assert found == {f"Mine: {text}".removesuffix("\n") for text in prompt_files(name).values()}


def asks(recipe: Recipe) -> tuple[Ask, Ask]:
    return recipe.instances.input_first, recipe.instances.output_first


@pytest.mark.parametrize("name", recipe_names())
def test_an_ejected_recipe_is_the_same_recipe_and_can_be_edited(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    written = init_run(run, name, None, None, None, (), eject=True)
    shipped = read_recipe(Path(str(recipe_folder(name) / "recipe.yaml")))
    assert read_plan(run)[0] == shipped
    prompts = {file for file in written if file.startswith("prompts/")}
    assert {f"prompts/{file}" for file in prompt_files(name)} <= prompts
    for file in prompts:
        (run / file).write_text(f"Mine: {(run / file).read_text('utf-8')}", "utf-8")
    edited = read_plan(run)[0]
    assert edited.propose.ask.prompt == f"Mine: {shipped.propose.ask.prompt}"
    assert edited.instances.output_first.prompt == f"Mine: {shipped.instances.output_first.prompt}"


def test_every_shipped_recipe_says_what_it_is_on_its_first_line() -> None:
    lines = recipe_lines()
    assert list(lines) == recipe_names()
    for line in lines.values():
        assert line.endswith(".")
        assert 40 < len(line) < 120
    result = CliRunner().invoke(cli, ["init", "--recipe"])
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()] == recipe_names()


def test_own_seeds_are_told_of_the_hints(tmp_path: Path) -> None:
    own = Path(str(recipe_folder("pocket"))) / "seeds.jsonl"
    assert "topics" in init_run(tmp_path / "a", "chat", None, None, own, (), eject=False)["recipe.yaml"]
    assert "topics" not in init_run(tmp_path / "b", "chat", None, None, None, (), eject=False)["recipe.yaml"]
    assert "topics" not in init_run(tmp_path / "c", "alpaca", None, None, own, (), eject=False)["recipe.yaml"]


def test_a_recipe_that_shows_whole_tasks_needs_one(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text('{"instruction": "Sing a song for me."}\n')
    with pytest.raises(InputError, match=r"seeds\.jsonl: has no task with an instance"):
        init_run(tmp_path / "run", "alpaca", None, None, seeds, (), eject=False)
    assert not list((tmp_path / "run").glob("*.*"))


def test_a_prompt_written_in_the_recipe(tmp_path: Path) -> None:
    content = values()
    content["classify"]["prompt"] = "Is {{ instruction }} one?\n"
    assert read_recipe(written(tmp_path, content)).classify.prompt == "Is {{ instruction }} one?\n"


def test_a_begun_run_keeps_the_prompts_it_began_with(tmp_path: Path) -> None:
    begun: Recipe = read_recipe(written(tmp_path, values() | {"classify": {"prompt": "Old", "sampling": {}}}))
    assert read_recipe(written(tmp_path, values()), begun).classify.prompt == "Old"
    (tmp_path / "classify.jinja").write_text("New", "utf-8")
    assert read_recipe(written(tmp_path, values()), begun).classify.prompt == "New"


@pytest.mark.parametrize(
    "name",
    [
        "none.jinja",
        "chat/none.jinja",
        "../paper/classify.jinja",
        "nowhere/classify.jinja",
        "x" * 5000 + ".jinja",
        "\0.jinja",
    ],
)
def test_a_prompt_file_that_is_nowhere(tmp_path: Path, name: str) -> None:
    content = values()
    content["classify"]["prompt"] = name
    fault = recipe_fault(written(tmp_path, content))
    assert (": classify.prompt: the file " if ".." in name else ": classify.prompt: no prompt file ") in fault


def test_a_prompt_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "classify.jinja").write_bytes(b"a\n\xff")
    path = written(tmp_path, values())
    with pytest.raises(InputError, match=r"classify\.jinja:2: not UTF-8"):
        read_recipe(path)


@pytest.mark.parametrize(
    "content",
    [
        "a: b: c",
        "a: [1, 2",
        "\tmodel: x",
        "a: *b",
        "? [a]\n: b",
        "a: !!python/object/apply:os.system [echo]",
        "a: 2024-13-45",
        "a: 1\na: [",
        "- a\nb: c",
        "a: " + "1" * 5000,
        "[" * 20_000,
        "%YAML 9.9",
    ],
)
def test_what_is_not_yaml(tmp_path: Path, content: str) -> None:
    assert recipe_fault(written(tmp_path, content)).startswith(": not YAML: ")


@pytest.mark.parametrize("content", ["", "# nothing", "text", "- a\n- b", "5", "2024-01-01", "---\n..."])
def test_yaml_that_is_no_recipe(tmp_path: Path, content: str) -> None:
    assert recipe_fault(written(tmp_path, content)) == ": expected keys with values, as in the shipped recipes."


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("modle: x", "modle: unknown key; did you mean `model`?"),
        ("5: x", "5: unknown key"),
        ("2024-01-01: x", "2024-01-01: unknown key"),
        ("null: x", "None: unknown key"),
        ("seed: 0x" + "f" * 5000, "seed: expected a whole number, found a number beyond 64 bits"),
        ("seed: 1e3", "seed: expected a whole number, found '1e3'"),
        ("model: 3.5", "model: expected text, found 3.5"),
        ("model: 2024-01-01", "model: expected text, found datetime.date(2024, 1, 1)"),
        ("model: no", "model: expected text, found False"),
        ('model: "\\ud800"', "model: expected text"),
        ("api: chatt", "api: must be one of text, chat"),
        ("propose: null", "propose: expected keys with values, found nothing"),
        ("propose: &p {ask: *p}", "is a list repeated inside itself?"),
        ("instances: &i [*i]", "is a list repeated inside itself?"),
        ("keep_away: &k [*k]", "is a list repeated inside itself?"),
        ("classify: {prompt: x, sampling: {temperature: .nan}}", "temperature: expected a number, found nan"),
        ("classify: {prompt: x, sampling: {temperature: -.inf}}", "temperature: expected a number, found -inf"),
        ("classify: {prompt: x.jinja, sampling: {}}", "classify.prompt: no prompt file 'x.jinja'"),
        ("classify: {prompt: 5, sampling: {}}", "classify.prompt: expected text, found 5"),
        ("classify: {prompt: x, sampling: {stop: stop}}", "classify.sampling.stop: expected a list, found 'stop'"),
    ],
)
def test_a_wrong_recipe(tmp_path: Path, line: str, expected: str) -> None:
    base = (recipe_folder("paper") / "recipe.yaml").read_text(encoding="utf-8")
    assert expected in recipe_fault(written(tmp_path, f"{base}\n{line}\n"))


def test_a_recipe_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes("recipe: é\n".encode("latin-1"))
    assert recipe_fault(path).startswith(":1: not UTF-8 but probably WINDOWS-1252; save it as UTF-8, as in `iconv")


def test_a_recipe_of_binary_data(tmp_path: Path) -> None:
    assert recipe_fault(written(tmp_path, "a: \x00")).startswith(": is binary data, ")


def test_a_recipe_with_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    raw = (recipe_folder("paper") / "recipe.yaml").read_bytes()
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"))
    assert read_recipe(path) == read_recipe(Path(str(recipe_folder("paper") / "recipe.yaml")))


@pytest.mark.parametrize(
    "template",
    [
        "{{ instrution }}",
        "{{ instruction",
        "{% if %}",
        "{{ instruction.x.y }}",
        "{{ 1 / 0 }}",
        "{{ input + 1 }}",
    ],
)
@pytest.mark.parametrize("place", [0, 6])
def test_a_template_that_cannot_be_filled_is_found_before_the_run(tmp_path: Path, template: str, place: int) -> None:
    content = values()
    content["encode"]["with_input"][place] = template
    recipe = read_recipe(written(tmp_path, content))
    with pytest.raises(InputError, match="prompt template"):
        dry_run(recipe)


def test_the_rehearsal_asks_as_the_run_will(tmp_path: Path) -> None:
    content = values()
    content["propose"]["only_classification"] = True
    content["propose"]["ask"]["prompt"] = "{% if only_classification %}{{ exmaples }}{% endif %}"
    with pytest.raises(InputError, match="prompt template"):
        dry_run(read_recipe(written(tmp_path, content)))


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_passes_its_rehearsal(name: str) -> None:
    dry_run(read_recipe(Path(str(recipe_folder(name) / "recipe.yaml"))))


def test_an_unknown_shipped_recipe_is_told_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"recipe 'papper': unknown; use one of .*original, paper"):
        recipe_folder("papper")


@pytest.mark.parametrize("name", ["../recipes/paper", "", ".", "paper/"])
def test_a_shipped_recipe_is_named_exactly(name: str) -> None:
    with pytest.raises(InputError, match="unknown"):
        recipe_folder(name)
