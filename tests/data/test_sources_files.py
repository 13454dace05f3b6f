"""Files of any vendor's spelling come out as the same canonical bars; bad ones as one sentence."""

import gzip

import numpy as np
import pandas as pd
import pytest

from tasks.data.config import DataConfig
from tasks.data.gate import gate
from tasks.data.sources import csv, parquet, registry
from tasks.errors import UserError

DAY = "2024-12-31"
CLOSE = {"600519.SH": 1700.0, "000001.SZ": 10.0, "300750.SZ": 180.0}


def canonical():
    """Three stocks, three days: what every file below means."""
    rows = [
        {
            "symbol": symbol,
            "date": pd.Timestamp(f"2024-01-0{day}"),
            "open": close + day / 10,
            "high": close + day / 5,
            "low": close - 1.0,
            "close": close + day / 100,
            "volume": 10_000.0 * day,
            "amount": 10_000.0 * day * close,
        }
        for symbol, close in CLOSE.items()
        for day in (2, 3, 4)
    ]
    return pd.DataFrame(rows)


def tushare():
    """`ts_code`, dates as digits in descending order, lots and thousand yuan."""
    f = canonical().sort_values("date", ascending=False)
    return pd.DataFrame({
        "ts_code": f["symbol"], "trade_date": f["date"].dt.strftime("%Y%m%d"), "open": f["open"],
        "high": f["high"], "low": f["low"], "close": f["close"], "pre_close": f["close"],
        "vol": f["volume"] / 100, "amount": f["amount"] / 1000,
    })  # fmt: skip


def akshare():
    """Chinese names, bare codes, lots and yuan."""
    f = canonical()
    return pd.DataFrame({
        "日期": f["date"].dt.date, "股票代码": f["symbol"].str[:6], "开盘": f["open"],
        "收盘": f["close"], "最高": f["high"], "最低": f["low"],
        "成交量": (f["volume"] / 100).astype(int), "成交额": f["amount"], "涨跌幅": 0.1,
    })  # fmt: skip


def baostock():
    """Everything as text, `sh.600519`, shares and yuan, an empty text where nothing is known."""
    f = canonical()
    out = f.assign(
        code=f["symbol"].str[-2:].str.lower() + "." + f["symbol"].str[:6],
        date=f["date"].dt.strftime("%Y-%m-%d"),
        isST="0",
    ).drop(columns="symbol")
    return out.astype(str)


def read(path, **settings):
    kind = "parquet" if path.suffix == ".parquet" else "csv"
    return registry.read(DataConfig(source=kind, path=str(path), **settings), DAY)


def check(bars):
    expected = canonical().sort_values(["symbol", "date"]).reset_index(drop=True)
    found = bars.frame.assign(symbol=bars.frame["symbol"].astype(str))
    found = found.sort_values(["symbol", "date"]).reset_index(drop=True)
    assert list(found["symbol"]) == list(expected["symbol"])
    assert found["date"].dtype == np.dtype("datetime64[us]")
    for name in ("date", "open", "high", "low", "close"):
        assert (found[name] == expected[name]).all(), name
    for name in ("volume", "amount"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12)


def write(frame, path, **how):
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, **how)
    return path


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize("vendor", [canonical, tushare, baostock])
def test_vendors_files_mean_the_same(tmp_path, vendor, ending):
    check(read(write(vendor(), tmp_path / f"bars.{ending}")))


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_bare_codes_need_a_word_about_what_they_are(tmp_path, ending):
    path = write(akshare(), tmp_path / f"bars.{ending}")
    with pytest.raises(UserError, match="may be the stock"):
        read(path)
    check(read(path, symbol_format="stock"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk", "utf-8"])
def test_encodings(tmp_path, encoding):
    path = write(akshare(), tmp_path / "bars.csv", encoding=encoding)
    check(read(path, symbol_format="stock"))


def test_gzip_is_recognised_by_content_and_not_by_name(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_bytes(gzip.compress(canonical().to_csv(index=False).encode()))
    check(read(path))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_separators(tmp_path, separator):
    check(read(write(canonical(), tmp_path / "bars.csv", sep=separator)))


@pytest.mark.parametrize(
    "dates",
    [lambda d: d.dt.strftime("%Y%m%d").astype(int), lambda d: d.dt.strftime("%Y/%m/%d"),
     lambda d: d.dt.strftime("%Y-%m-%d 15:00:00"), lambda d: d.dt.tz_localize("Asia/Shanghai"),
     lambda d: d.dt.date, lambda d: d + pd.Timedelta(hours=15)],
)  # fmt: skip
def test_dates_of_every_kind(tmp_path, dates):
    frame = canonical()
    check(read(write(frame.assign(date=dates(frame["date"])), tmp_path / "bars.parquet")))


def test_columns_by_hand_win_over_recognition(tmp_path):
    frame = canonical().rename(columns={"close": "px_last", "symbol": "sec"})
    path = write(frame, tmp_path / "bars.parquet")
    check(read(path, columns={"close": "px_last", "symbol": "sec"}))
    extra = read(path, columns={"close": "px_last", "symbol": "sec", "my_field": "low"})
    assert "my_field" in extra.frame


def test_units_as_given_and_as_recognised(tmp_path):
    path = write(tushare(), tmp_path / "bars.csv")
    notes = read(path).notes
    assert any("lots" in n and "thousand yuan" in n and "recognised" in n for n in notes)
    assert any("as given" in n for n in read(path, volume_unit="lots", amount_unit="yuan").notes)
    silent = write(canonical().drop(columns="amount"), tmp_path / "silent.csv")
    assert any("assumed" in n for n in read(silent).notes)
    check_volume = read(silent, volume_unit="lots").frame["volume"]
    assert check_volume.max() == 4_000_000


def test_units_that_cannot_be_recognised(tmp_path):
    frame = canonical().assign(amount=lambda f: f["amount"] * 7)
    with pytest.raises(UserError, match=r"units.*cannot be recognised.*volume_unit"):
        read(write(frame, tmp_path / "bars.csv"))


def test_a_factor_makes_prices_raw(tmp_path):
    frame = canonical().assign(adj_factor=2.0)
    path = write(frame, tmp_path / "bars.parquet")
    assert read(path).adjustment == "raw"
    assert read(path, adjustment="adjusted").adjustment == "adjusted"
    bare = write(canonical(), tmp_path / "bare.parquet")
    assert read(bare).adjustment == "unadjusted"
    with pytest.raises(UserError, match="no column for factor"):
        read(bare, adjustment="raw")


def test_a_folder_of_files_named_by_symbol(tmp_path):
    for symbol, part in canonical().groupby("symbol"):
        code, exchange = symbol.split(".")
        write(part.drop(columns="symbol"), tmp_path / f"{exchange.lower()}.{code}.csv")
    config = DataConfig(source="csv", path=str(tmp_path))
    check(registry.read(config, DAY))
    assert registry.newest_session(config) == "2024-01-04"
    before = registry.content_id(config, DAY)
    (tmp_path / "sh.600519.csv").write_text("date,open,high,low,close,volume\n")
    assert registry.content_id(config, DAY) != before
    with pytest.raises(UserError, match=r"sh\.600519\.csv has no rows"):
        registry.read(config, DAY)


def test_the_content_is_bytes_and_never_a_path(tmp_path):
    one = write(canonical(), tmp_path / "one.csv")
    (tmp_path / "elsewhere").mkdir()
    two = write(canonical(), tmp_path / "elsewhere" / "two.csv")
    ids = [csv.content_id(DataConfig(source="csv", path=str(p))) for p in (one, two)]
    assert ids[0] == ids[1]
    assert registry.identity(DataConfig(source="csv", path=str(one))) == registry.identity(
        DataConfig(source="csv", path=str(two))
    )
    two.write_text(two.read_text() + "\n")
    assert csv.content_id(DataConfig(source="csv", path=str(two))) != ids[0]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_newest_session(tmp_path, ending):
    path = write(canonical(), tmp_path / f"bars.{ending}")
    config = DataConfig(source=ending, path=str(path))
    assert registry.newest_session(config) == "2024-01-04"
    ended = config.model_copy(update={"end": "2024-01-03"})
    assert registry.newest_session(ended) == "2024-01-03"
    with pytest.raises(UserError, match="no bars up to 2023-01-01"):
        registry.newest_session(config.model_copy(update={"end": "2023-01-01"}))


def test_the_newest_session_of_dates_as_digits(tmp_path):
    frame = canonical().assign(date=lambda f: f["date"].dt.strftime("%Y%m%d").astype(int))
    path = write(frame, tmp_path / "bars.parquet")
    assert parquet.newest_session(DataConfig(source="parquet", path=str(path))) == "2024-01-04"


def test_days_and_symbols_are_selected(tmp_path):
    index = canonical().head(3).assign(symbol="000300.SH")
    path = write(pd.concat([canonical(), index]), tmp_path / "bars.parquet")
    bars = read(path, symbols=["sh600519"], start="2024-01-03", end="2024-01-03")
    assert bars.benchmarks == ("000300.SH",)
    assert sorted(bars.frame["symbol"].unique()) == ["000300.SH", "600519.SH"]
    assert len(bars.frame) == 2
    assert read(path, benchmarks=["300750.SZ"]).benchmarks == ("300750.SZ",)
    assert len(registry.read(DataConfig(source="parquet", path=str(path)), "2024-01-02").frame) == 4


def test_load_reads_gates_and_pivots(tmp_path):
    panel = parquet.load(write(canonical(), tmp_path / "bars.parquet"), symbols=["600519.SH"])
    assert (panel.shape, panel.adjustment, panel.source) == ((3, 1), "unadjusted", "parquet")
    panel = csv.load(write(canonical(), tmp_path / "bars.csv"), end="2024-01-03")
    assert panel.shape == (2, 3)


def without(name):
    return canonical().drop(columns=name)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("frame", "settings", "sentence"),
    [(lambda: without("close"), {}, r"no column for close.*columns"),
     (lambda: without(["high", "volume"]), {}, "no column for high, volume"),
     (lambda: without("symbol"), {}, "no column for symbol"),
     (canonical, {"columns": {"close": "px"}}, "no column 'px' for close"),
     (canonical, {"columns": {"../x": "close"}}, "names a field"),
     (canonical, {"start": "2025-01-01"}, "no bars from 2025-01-01"),
     (canonical, {"end": "2020-01-01"}, "no bars from its first day to 2020-01-01"),
     (canonical, {"symbols": ["601398.SH"]}, r"no symbol 601398\.SH.*setting symbols"),
     (canonical, {"benchmarks": ["000300.SH"]}, r"no symbol 000300\.SH.*setting benchmarks"),
     (canonical, {"symbols": ["../etc"]}, "unknown spelling"),
     (lambda: canonical().assign(symbol="000300.SH"), {}, "only indices"),
     (lambda: canonical().assign(symbol="../x"), {}, "unknown spelling"),
     (lambda: canonical().assign(date="soon"), {}, "'soon' is no date"),
     (lambda: canonical().assign(date="2024-13-01"), {}, "is no date"),
     (lambda: canonical().assign(date=20241), {}, "is no date"),
     (lambda: canonical().assign(close="many"), {}, r"column 'close', row 1: 'many' is no number"),
     (lambda: canonical().assign(date=pd.date_range("2024-01-02 09:31", periods=9, freq="min")),
      {}, "several times of one day"),
     (lambda: canonical().assign(vol=1.0).drop(columns="volume").assign(成交量=1.0), {},
      "several columns for volume"),
     (lambda: canonical().head(0), {}, "has no rows")],
)  # fmt: skip
def test_each_bad_file_is_one_sentence(tmp_path, ending, frame, settings, sentence):
    path = write(frame(), tmp_path / f"bars.{ending}")
    with pytest.raises(UserError, match=sentence) as caught:
        read(path, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["csv", "parquet", "qlib"])
def test_a_missing_file(tmp_path, source):
    with pytest.raises(UserError, match="needs a file or folder"):
        registry.read(DataConfig(source=source), DAY)
    with pytest.raises(UserError, match="does not exist"):
        registry.read(DataConfig(source=source, path=str(tmp_path / "absent")), DAY)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=r"holds no|is no Qlib directory"):
        registry.read(DataConfig(source=source, path=str(empty)), DAY)


def test_damaged_files(tmp_path):
    broken = tmp_path / "bars.parquet"
    broken.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(UserError, match="no readable Parquet file"):
        read(broken)
    text = tmp_path / "bars.csv"
    text.write_bytes(b"")
    with pytest.raises(UserError, match="is empty"):
        read(text)
    text.write_bytes(b"\x1f\x8b and then nothing")
    with pytest.raises(UserError, match="is damaged"):
        read(text)
    text.write_bytes(b"\xff\xff\xff\xff")
    with pytest.raises(UserError, match="neither UTF-8 nor GBK"):
        read(text)
    text.write_text("date,open\n1,2,3,4,5\n1,2\n" + "1,2,3,4,5,6,7\n")
    with pytest.raises(UserError, match=r"no column for|no readable table"):
        read(text)


def test_rows_without_a_symbol(tmp_path):
    frame = canonical()
    frame.loc[2, "symbol"] = None
    with pytest.raises(UserError, match="1 rows without a symbol"):
        read(write(frame, tmp_path / "bars.csv"))


def test_missing_numbers_and_dates_are_left_to_the_gate(tmp_path):
    frame = baostock()
    frame.loc[0, "close"] = ""
    frame.loc[1, "volume"] = "-"
    frame.loc[2, "date"] = ""
    gated = gate(read(write(frame, tmp_path / "bars.csv")))
    assert sorted(gated.quarantine["rule"]) == ["no_date", "price_missing", "volume_missing"]


def test_thousands_commas(tmp_path):
    frame = canonical().assign(volume=lambda f: [f"{v:,.0f}" for v in f["volume"]])
    check(read(write(frame, tmp_path / "bars.csv")))
