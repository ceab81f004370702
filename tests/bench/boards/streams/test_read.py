"""Online policies on pages, from made traces that were really replayed.

Covers: bench/boards/sectioned.py, bench/boards/streams/page.py, bench/boards/streams/section.py
"""

import json
import re
import shutil
import statistics
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from bench import cli
from bench.boards.pages import DRAWINGS, stale, write_pages
from bench.boards.streams.page import HEADS
from bench.boards.streams.read import read_stream_boards
from bench.records.sealed import checksum
from bench.records.store import Store
from bench.records.stream import StreamRecord
from tests.bench.browser import Browser
from tests.bench.edited import values_of

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
RIGHT = ((158, 178), (160, 180), (162, 182))


def keep(stream, home):
    return stream.write(stream.path(Store(home / "records").folder(StreamRecord)))


@pytest.fixture
def home(streamed, tmp_path):
    """Stream records of three seeds of one network, and of one of another."""
    for seed, right in enumerate(RIGHT):
        keep(streamed(tmp_path, seed, right=right), tmp_path)
    keep(streamed(tmp_path, 0, method="sparse", policies=("splitee",)), tmp_path)
    return tmp_path


def board(home):
    boards, trouble = read_stream_boards(Store(home / "records"))
    assert trouble == []
    return boards["digits-v1"]


def page(home, name="online-digits-v1.md"):
    write_pages(Store(home / "records"), home / "pages")
    return (home / "pages" / name).read_text()


def test_a_line_is_the_mean_over_seeds_of_means_over_passes(home):
    section = board(home).sections[0]
    assert section.ranked
    assert section.offloads == pytest.approx([1, 3, 6])
    line = next(one for one in section.lines(section.offloads[1]) if one.policy == "splitee")
    seeds = []
    for record in section.records:
        own, whole, early = (
            next(one for one in record.results if one.policy == name and one.offload == 0.3)
            for name in ("splitee", "(a) all layers", "(b) early exit")
        )
        cost, right = sum(own.cost) / 2, sum(own.right) / 2
        seeds.append({
            "cost": cost / 0.1, "less (a)": 1 - cost / 0.2, "less (b)": 1 - cost / early.cost[0],
            "accuracy": right / 200, "lost (a)": whole.right[0] / 200 - right / 200,
            "lost (b)": early.right[0] / 200 - right / 200, "sent": sum(own.sent) / 400, "regret": sum(own.regret) / 2,
        })  # fmt: skip
    assert line.numbers.keys() == seeds[0].keys()
    for key, mean in line.numbers.items():
        values = [seed[key] for seed in seeds]
        assert mean.value == pytest.approx(statistics.fmean(values))
        assert mean.half == pytest.approx(4.302653 * statistics.stdev(values) / 3**0.5, rel=1e-5)
        assert mean.n == 3


def test_baselines_come_first_and_policies_are_ranked_by_regret_and_bounds_never(home):
    ranked, other = board(home).sections
    for offload in ranked.offloads:
        lines = ranked.lines(offload)
        assert [line.policy for line in lines[:2]] == ["(a) all layers", "(b) early exit"]
        assert [line.kind for line in lines[2:]] == ["policy", "policy", "bound"]
        assert [line.rank for line in lines] == [None, None, 1, 2, None]
        assert lines[2].numbers["regret"].value <= lines[3].numbers["regret"].value
    assert not other.ranked
    assert {line.rank for line in other.lines(1.0)} == {None}
    assert "1 seed, unranked" in other.about
    assert other.lines(1.0)[0].numbers["cost"].half is None


def test_one_of_a_thing_is_no_plural(made, streamed, tmp_path):
    made().save(tmp_path / "records")
    keep(streamed(tmp_path, policies=("splitee",), shuffles=1), tmp_path)
    assert "1 stream record, 1 table." in page(tmp_path)
    assert "1 reshuffling of 200 samples" in page(tmp_path)
    assert "1 model, 1 record," in page(tmp_path, "digits-v1.md")
    assert "1 network, 1 record," in page(tmp_path, "index.html")


def test_policies_that_decide_alike_share_a_rank(streamed, tmp_path):
    """At one alpha i-splitee plays as splitee-s does, and its bill comes to the same."""
    for seed, right in enumerate(RIGHT):
        alike = ("splitee-s", "i-splitee[alpha=0.7]", "random", "splitee")
        keep(streamed(tmp_path, seed, right=right, policies=alike, offloads=("0.3",)), tmp_path)
    (section,) = board(tmp_path).sections
    ranks = {line.policy: line.rank for line in section.lines(section.offloads[0]) if line.kind == "policy"}
    assert ranks["splitee-s"] == ranks["i-splitee"]
    assert sorted(ranks.values()) in ([1, 1, 3, 4], [1, 2, 2, 4], [1, 2, 3, 3])


def test_the_markdown_page_has_both_baselines_at_the_cheapest_middle_and_dearest_cost(home):
    text = page(home)
    assert "## mlp\\_dense, joint, 2 epochs, alpha 0.7" in text
    assert "3 seeds; 2 exits; 2 reshufflings of 200 samples; order seed 0" in text
    assert "is against (a) alone" in text
    assert "* SplitEE's claim (more than 50% less cost than (a), less than 2 points lost) is met " in text
    assert "SplitEE&#39;s claim (more than 50% less cost than (a)" in page(home, "index.html")
    for offload in ("1 λ", "3 λ", "6 λ"):
        for policy in ("(a) all layers", "(b) early exit"):
            assert f"| {offload} | - | {policy} | " in text
    assert "| (a) all layers | 2.000 λ ± 0.000 | 0.00% ± 0.00 | " in text
    assert "| 90.00% ± 2.48 | 0.00 ± 0.00 | " in text
    lines = [line for line in text.splitlines() if line.startswith("| 1 λ")]
    assert all(line.count(" | ") == len(HEADS) - 1 for line in lines)


def test_of_many_costs_three_are_shown_and_all_are_in_the_pages_data(streamed, tmp_path):
    offloads = [f"{n / 20:g}" for n in range(2, 13)]
    keep(streamed(tmp_path, policies=("splitee",), offloads=offloads), tmp_path)
    (section,) = board(tmp_path).sections
    assert section.shown == pytest.approx([1, 3.5, 6])
    text = page(tmp_path, "index.html")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
    policies = data["streams"][0]["policies"]
    assert [one["policy"] for one in policies] == ["(a) all layers", "(b) early exit", "splitee"]
    assert [len(one["points"]) for one in policies] == [11, 11, 11]


def test_seeds_whose_costs_were_measured_share_a_table_that_names_the_reading(streamed, timed, tmp_path):
    for seed, last in enumerate((4e-3, 5e-3, 6e-3)):
        settings = {"folders": [timed(tmp_path, seed, last)], "costs": "latency", "sending": "payload.int8"}
        keep(streamed(tmp_path, seed, **settings), tmp_path)
    (section,) = board(tmp_path).sections
    assert section.ranked
    assert "depth counted in latency; " in section.about
    assert "sending costs payload.int8." in section.about
    keep(streamed(tmp_path, costs=[1.0, 2.5]), tmp_path)
    assert "depth counted in the costs given, 1:2.5; " in board(tmp_path).sections[-1].about


def test_sections_are_apart_by_what_a_reward_is(streamed, tmp_path):
    keep(streamed(tmp_path, policies=("splitee", "i-splitee")), tmp_path)
    assert [section.title.rpartition(" ")[2] for section in board(tmp_path).sections] == ["0.5", "0.7"]
    assert [len(section.lines(1.0)) for section in board(tmp_path).sections] == [3, 3]


def test_no_two_sections_have_one_heading_whatever_they_differ_in(streamed, traced, tmp_path):
    settings = {"policies": ("splitee",), "offloads": ("0.3",)}
    changes = [
        {}, {"order_seed": 5}, {"shuffles": 3}, {"shuffles": 0}, {"costs": "measured"}, {"costs": [1.0, 2.5]},
        {"costs": [1.0, 2.0]}, {"arms": "cuts"}, {"sending": "payload.int8"}, {"policies": ("splitee", "random")},
        {"policies": ("splitee[layer=0.2]",)}, {"recipe": {"epochs": 2, "batch": 20}},
    ]  # fmt: skip
    for change in changes:
        keep(streamed(tmp_path, **(settings | change)), tmp_path)
    titles = [section.title.partition("alpha 0.7, ")[2] for section in board(tmp_path).sections]
    assert len(set(titles)) == len(changes)
    for words in (
        "order seed 5",
        "3 reshufflings",
        "the costs given, 1:2.5",
        "arms are cuts",
        "costs payload.int8",
        "λ 0.2",
    ):
        assert sum(words in title for title in titles) == 1, words
    for heading in re.findall("^## .*", page(tmp_path), re.M):
        assert page(tmp_path).count(heading + "\n") == 1


def test_a_heading_of_its_own_has_nothing_more(streamed, tmp_path):
    for change in ({}, {"method": "sparse", "order_seed": 3}):
        keep(streamed(tmp_path, policies=("splitee",), **change), tmp_path)
    titles = {section.title for section in board(tmp_path).sections}
    assert titles == {f"mlp_{method}, joint, 2 epochs, alpha 0.7" for method in ("dense", "sparse")}


def test_without_stream_records_nothing_of_it_shows(made, tmp_path):
    made().save(tmp_path / "records")
    write_pages(Store(tmp_path / "records"), tmp_path / "pages")
    assert not list((tmp_path / "pages").glob("online-*"))
    text = (tmp_path / "pages" / "index.html").read_text()
    assert 'id="online"' not in text
    assert '"streams"' not in text


def test_a_stale_page_is_found_and_one_of_a_stream_that_is_no_more_is_removed(home, streamed):
    records, pages = home / "records", home / "pages"
    write_pages(Store(records), pages)
    assert stale(Store(records), pages) == ([], [])
    keep(streamed(home, 3), home)
    assert {path.name for path in stale(Store(records), pages)[0]} >= {"online-digits-v1.md", "index.html"}
    shutil.rmtree(Store(records).folder(StreamRecord))
    assert "online-digits-v1.md" in {path.name for path in stale(Store(records), pages)[0]}
    (pages / "online-mine-v1.md").write_text("mine")
    write_pages(Store(records), pages)
    assert not (pages / "online-digits-v1.md").exists()
    assert (pages / "online-mine-v1.md").exists()


def test_pages_are_a_pure_function_of_the_files(home, tmp_path):
    shutil.copytree(home / "records", tmp_path / "copy" / "records")
    shutil.copytree(home / "streams", tmp_path / "copy" / "streams")
    assert page(home) == page(tmp_path / "copy")
    assert page(home, "index.html") == page(tmp_path / "copy", "index.html")


def forge(path, *place, value):
    values = values_of(path)
    here = values
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = value
    values["digest"] = StreamRecord.model_validate(values).request_digest()
    values["checksum"] = checksum(values)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("results", 2, "cost"), [5e-324, 5e-324]), (("results",), []), (("results", 0, "regret"), [1e30, 1e30]),
        (("depths",), []), (("costs",), [5e-324, 5e-324]), (("costs",), []), (("parts", 0, "right"), []),
        (("parts", 0, "costs"), []), (("entrants", 0, "settings"), {"head": "abc"}), (("results", 2, "layer"), 5e-324),
        (("shuffles",), 10**15), (("parts", 0, "setup", "recipe", "epochs"), "abc"),
        (("parts", 0, "setup", "task", "name"), "a" * 300), (("parts", 0, "samples"), 10**18),
    ],
    ids=lambda one: ".".join(map(str, one)) if isinstance(one, tuple) else "",
)  # fmt: skip
def test_no_stream_record_keeps_the_others_from_their_board(home, place, value):
    forge(
        next(Store(home / "records").folder(StreamRecord).glob("*/mlp_sparse-*/*.json")), *place, value=value
    )
    text = page(home)
    assert "## mlp\\_dense" in text
    assert "mlp\\_sparse, joint" not in text
    boards, _ = read_stream_boards(Store(home / "records"))
    assert sum(len(one.contested) for one in boards.values()) == 1


def test_empty_costs_where_depth_is_measured_are_a_fault_and_no_crash(streamed, tmp_path):
    path = keep(streamed(tmp_path, costs="measured"), tmp_path)
    for name in ("costs", "right"):
        forge(path, "parts", 0, name, value=[])
        assert board(tmp_path).contested


def test_a_contested_stream_and_one_of_a_contested_run_are_shown_with_the_reason(home):
    stream = next(Store(home / "records").folder(StreamRecord).glob("*/mlp_sparse-*/*.json"))
    stream.with_suffix(".contested").write_text("Bob's matrix.")
    run = next((home / "records").glob("*/mlp_dense-*/seed0.json"))
    run.with_suffix(".contested").write_text("Trained on test.")
    text = page(home)
    assert "* mlp\\_sparse, seed 0: Bob's matrix." in text
    assert "* mlp\\_dense, seed 0: The record of its run is contested: Trained on test." in text
    assert "2 seeds, unranked" in text
    assert "Bob&#39;s matrix." in page(home, "index.html")


def test_a_file_that_is_no_stream_record_is_named_and_left_out(home):
    path = Store(home / "records").folder(StreamRecord) / "digits-v1" / "x" / "seed0-0123456789ab.json"
    path.parent.mkdir()
    path.write_text('{"seed": 1e999}')
    _, trouble = write_pages(Store(home / "records"), home / "pages")
    assert len(trouble) == 1
    assert "no whole stream record" in trouble[0]
    assert "4 stream records" in page(home)


def test_files_of_a_kind_that_nobody_draws_are_reported_and_the_check_fails(home, monkeypatch, capsys):
    monkeypatch.delitem(DRAWINGS, StreamRecord)
    records, pages = home / "records", home / "pages"
    broken = home / "streams" / "digits-v1" / "x" / "seed0-0123456789ab.json"
    broken.parent.mkdir()
    broken.write_text("{")
    _, (unread, undrawn) = write_pages(Store(records), pages)
    assert "no whole stream record" in unread
    assert undrawn.startswith(
        f"No page shows 4 stream records below {home / 'streams'}: StreamRecord is not among"
    )
    monkeypatch.setattr(
        "sys.argv", ["seesaw", "board", "--check", "--records", str(records), "--pages", str(pages)]
    )
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    assert "No page shows 4 stream records" in capsys.readouterr().err


def test_the_command_verifies_a_stream_record_and_refuses_a_forged_one(home, monkeypatch, capsys):
    path = next(Store(home / "records").folder(StreamRecord).glob("*/mlp_sparse-*/*.json"))

    def verify():
        monkeypatch.setattr("sys.argv", ["seesaw", "verify", str(path), "--records", str(home / "records")])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, capsys.readouterr()

    code, printed = verify()
    assert code == 0
    assert "what other files say of it hold" in printed.out
    forge(path, "results", 2, "cost", value=[0.01, 0.01])
    code, printed = verify()
    assert code == 1
    assert "is billed" in printed.out
    assert "not to be believed" in printed.err


def evil(path):
    """A stream record with harmful text wherever it can have text, with a good digest and checksum."""
    forge(path, "entrants", 0, "spec", value=EVIL)
    for number in (2, 5, 8):
        forge(path, "results", number, "policy", value=EVIL)
    for name in ("backbone", "method", "exits", "task"):
        forge(path, "parts", 0, "setup", name, "spec", value=EVIL)


def test_its_words_cannot_leave_the_text_of_a_page(home, monkeypatch):
    evil(next(Store(home / "records").folder(StreamRecord).glob("*/mlp_sparse-*/*.json")))
    for unnoticed in (False, True):
        if unnoticed:
            monkeypatch.setattr(Store, "faults", lambda *_: [])
        text = page(home, "index.html")
        assert text.count("<script") == 2  # data, and the script
        assert "<img" not in text
        markdown = page(home)
        assert "<script" not in markdown
        lines = [line for line in markdown.splitlines() if line.startswith("| 1 λ")]
        assert len(lines) == (8 if unnoticed else 5)
        assert all(line.count(" | ") == len(HEADS) - 1 for line in lines)


def test_the_page_draws_both_figures_and_shows_one_networks_table(look, home):
    write_pages(Store(home / "records"), home / "pages")
    seen = look(home / "pages" / "index.html", width=500)
    below = seen[seen.index('id="online"') :]
    assert below.count('class="point') == 2 * 5 * 3
    assert 'aria-label="top-1 accuracy against the cost of sending.' in below
    assert "best-fixed (bound), cost of a sample: " in below
    assert '<div data-stream="0">' in below
    assert '<div data-stream="1" hidden="">' in below


def test_a_table_begins_with_ten_rows_and_a_button_shows_the_others(chromium, home, tmp_path):
    write_pages(Store(home / "records"), home / "pages")
    browser = Browser(chromium, tmp_path / "profile")
    shown = "[...document.querySelectorAll('[data-stream=\"0\"] tbody tr')].filter((one) => one.checkVisibility()).length"
    browser.go(f"{home / 'pages' / 'index.html'}#open=online", width=360)
    browser.wait(f"{shown} === 10")
    rows = browser.run("document.querySelectorAll('[data-stream=\"0\"] tbody tr').length")
    assert (
        browser.run("document.querySelector('[data-stream] .further').textContent")
        == f"{rows - 10} more of {rows}"
    )
    browser.run("document.querySelector('[data-stream] .further').click()")
    assert browser.run(shown) == rows
    browser.close()


def test_the_address_names_the_network_whose_table_is_shown(look, home):
    write_pages(Store(home / "records"), home / "pages")
    index = home / "pages" / "index.html"
    (second,) = re.findall('<option value="1">(.+?)</option>', index.read_text())
    seen = look(f"{index}#{urlencode({'open': 'online', 'stream': second})}")
    assert '<div data-stream="0" hidden="">' in seen
    assert '<div data-stream="1">' in seen


def test_a_stream_on_which_all_policies_answer_alike_says_so(streamed, made, tmp_path):
    for seed in range(3):
        keep(streamed(tmp_path, seed), tmp_path)
    (section, *_) = board(tmp_path).sections
    assert not section.is_degenerate
    same = [
        one.model_copy(
            update={
                "results": [
                    result.model_copy(update={"right": [150] * len(result.right)}) for result in one.results
                ]
            }
        )
        for one in section.records
    ]
    alike = replace(section, records=tuple(same))
    assert alike.is_degenerate
    assert "all policies answer alike" in alike.about
