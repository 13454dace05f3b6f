import pytest

from tasks.errors import UserError
from tasks.market import symbols


@pytest.mark.parametrize(
    "spelling",
    ["sh.600519", "sh600519", "SH600519", "600519.SH", "600519.XSHG", "600519.SS", "600519",
     " 600519.sh ", "XSHG.600519"],
)  # fmt: skip
def test_every_spelling_of_a_stock_is_the_same_symbol(spelling):
    assert symbols.normalise(spelling) == "600519.SH"


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [("000001.XSHE", "000001.SZ"), ("sz.000001", "000001.SZ"), ("300750", "300750.SZ"),
     ("430047.BJ", "430047.BJ"), ("920002", "920002.BJ"), ("399106", "399106.SZ"),
     ("AAPL", "AAPL"), ("brk.b", "BRK.B"), ("BRK-B", "BRK-B"), ("0700.HK", "0700.HK")],
)  # fmt: skip
def test_other_spellings(spelling, expected):
    assert symbols.normalise(spelling) == expected


@pytest.mark.parametrize(
    "hostile",
    ["../600519", "600519/../x", "..", ".", "", "a" * 17, "600519.SH\x00", "<b>", "a b", "A..B",
     "６００５１９", "600519.SH;rm", "-x", "x-", "\\\\host\\x", "=1+1"],
)  # fmt: skip
@pytest.mark.parametrize("symbol_format", ["auto", "stock", "as_is"])
def test_untrusted_text_is_refused(hostile, symbol_format):
    with pytest.raises(UserError, match="unknown spelling"):
        symbols.normalise(hostile, symbol_format)


def test_a_bare_code_that_is_a_stock_or_an_index_needs_its_exchange():
    with pytest.raises(UserError, match=r"'000001'.*000001\.SZ.*000001\.SH"):
        symbols.normalise("000001")
    assert symbols.normalise("000001", "stock") == "000001.SZ"
    with pytest.raises(UserError, match="names no exchange"):
        symbols.normalise("770001")


def test_as_is_changes_nothing():
    assert symbols.normalise("sh600519", "as_is") == "sh600519"


@pytest.mark.parametrize(
    ("symbol", "board"),
    [("600519.SH", "main"), ("605499.SH", "main"), ("000001.SZ", "main"), ("002594.SZ", "main"),
     ("003816.SZ", "main"), ("300750.SZ", "chinext"), ("301269.SZ", "chinext"),
     ("302132.SZ", "chinext"), ("688981.SH", "star"), ("689009.SH", "star"), ("430047.BJ", "bse"),
     ("920002.BJ", "bse"), ("900901.SH", "b_share"), ("200002.SZ", "b_share"),
     ("510300.SH", "fund"), ("159915.SZ", "fund"), ("113050.SH", "bond"), ("000300.SH", "index"),
     ("399106.SZ", "index"), ("899050.BJ", "index"), ("AAPL", "other"), ("770001.SH", "other")],
)  # fmt: skip
def test_boards(symbol, board):
    assert symbols.board(symbol) == board


def test_an_index_and_a_stock_may_share_a_code():
    assert symbols.is_index("sh.000001")
    assert not symbols.is_index("000001.SZ")


def test_exchange_and_mainland():
    assert symbols.exchange("sh.600519") == "SH"
    assert symbols.exchange("AAPL") == ""
    assert symbols.is_mainland("920002.BJ")
    assert not symbols.is_mainland("AAPL")
    assert symbols.normalise_all(["sh600519", "AAPL"]) == ["600519.SH", "AAPL"]
