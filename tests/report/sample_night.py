"""A whole night from a seeded generator, for tests only: no number in it was ever measured."""

from __future__ import annotations

import dataclasses

import numpy as np

from tasks.report.night import (
    Action,
    Changes,
    Check,
    Coverage,
    DataHealth,
    DeviceUse,
    InputChange,
    LargeMove,
    LeakTest,
    Life,
    Missing,
    Move,
    Night,
    Provenance,
    Quarantined,
    Run,
    Stage,
    Survival,
)
from tasks.report.research import (
    Cone,
    CostCurve,
    Decay,
    Drift,
    DriftState,
    Estimate,
    Factor,
    Factors,
    Fold,
    Importance,
    Metric,
    Model,
    MonthlyIc,
    MonthReturn,
    Portfolio,
    QuantileReturns,
    Ranked,
    Ranking,
    YearReturn,
)
from tasks.report.trials import Histogram, Honesty, ParameterMap, Trial, Trials
from tasks.report.words import Text

DAY = "2026-11-20"


def full_night(seed: int = 7) -> Night:
    """Every part present: two survivors, a device fallback, three symbols set aside."""
    rng = np.random.default_rng(seed)
    return Night(
        run=_run(),
        stages=_stages(),
        health=_health(rng),
        trials=_trials(rng),
        portfolios=_portfolios(rng),
        factors=_factors(rng),
        model=_model(rng),
        ranking=_ranking(rng),
        changes=_changes(),
        leaks=_leaks(),
        devices=_devices(),
        provenance=_provenance(),
    )


def bare_night() -> Night:
    """Only an identity: every part says why it is not there."""
    return Night(run=dataclasses.replace(_run(), finished=None, seconds=None, device_reason=""))


def failed_night(seed: int = 7) -> Night:
    """A failed block, stale data that fails a check, and a planted leak that was missed."""
    night = full_night(seed)
    assert isinstance(night.health, DataHealth)
    stages = list(night.stages)
    stages[2] = dataclasses.replace(
        stages[2],
        state="FAIL",
        computed=19,
        failed=1,
        retries=2,
        failed_blocks=("backtest 004/020 trials 0186-0247",),
        note="momentum #417, 688981.SH, 2024-03-18: negative position −200",
    )
    stages[4] = Stage(name="train", state="SKIP", note="needs the whole cross-section")
    leaks = list(_leaks())
    leaks[0] = dataclasses.replace(leaks[0], state="FAIL", seen="not caught")
    return dataclasses.replace(
        night,
        stages=tuple(stages),
        health=dataclasses.replace(
            night.health,
            last_day="2026-11-18",
            checks=(
                dataclasses.replace(night.health.checks[0], state="FAIL"),
                *night.health.checks[1:],
            ),
        ),
        leaks=tuple(leaks),
        model=Missing(Text("backtest failed before it", "之前的回测失败"), "SKIP"),
        actions=(
            Action(
                what="fix the position of momentum #417",
                command="qilin retry full-01",
                state="FAIL",
            ),
        ),
    )


def _run() -> Run:
    return Run(
        day=DAY,
        name="full-01",
        size="full",
        device_asked="gpu",
        device_used="cpu",
        device_reason=Text("no CUDA device visible", "未发现 CUDA 设备"),
        started="2026-11-20T21:00:04+08:00",
        finished="2026-11-20T21:38:16+08:00",
        seconds=2292,
        source="simulated",
        simulated=True,
        commit="3f9c2ab81d07e64c5511",
        modified=False,
        snapshot="a41f77c09be2d3556f10aa",
    )


def _stages() -> tuple[Stage, ...]:
    rows = (
        ("load", "PASS", Text("5,132 symbols", "5,132 只股票"), 64, "", 0, 4, "3 set aside"),
        ("features", "WARN", Text("8 of 8 blocks", "8 / 8 块"), 400, "cpu", 2, 6, ""),
        ("backtest", "PASS", Text("20 of 20 blocks", "20 / 20 块"), 1450, "cpu", 0, 20, ""),
        ("validate", "PASS", Text("1,240 trials", "1,240 个试验"), 21, "cpu", 0, 1, ""),
        ("train", "PASS", Text("5 of 5 folds", "5 / 5 折"), 351, "cpu", 0, 5, ""),
        ("report", "PASS", Text("1.2 MB", "1.2 MB"), 6, "", 0, 1, ""),
    )
    stages, start = [], 0.0
    for name, state, done, seconds, device, cached, computed, note in rows:
        stages.append(
            Stage(
                name=name,
                state=state,
                done=done,
                seconds=seconds,
                start=start,
                median_seconds=seconds * (0.9 if name != "features" else 0.3),
                device=device,
                asked="gpu" if name == "features" else device,
                cached=cached,
                computed=computed,
                note=note,
            )
        )
        start += seconds
    return tuple(stages)


def _health(rng: np.random.Generator) -> DataHealth:
    days = _sessions(500)
    expected = 5100 + np.arange(500) // 16
    present = expected - rng.binomial(12, 0.3, 500)
    present[310] -= 460
    return DataHealth(
        expected_day=DAY,
        last_day=DAY,
        present=5129,
        expected=5132,
        coverage=(
            Coverage(
                source="simulated, daily bars",
                days=days,
                present=tuple(int(v) for v in present),
                expected=tuple(int(v) for v in expected),
            ),
            Coverage(
                source="simulated, factors",
                days=days,
                present=tuple(None if 40 <= i < 60 else int(v) for i, v in enumerate(expected)),
                expected=tuple(int(v) for v in expected),
            ),
        ),
        checks=(
            Check(
                name=Text("high ≥ low", "最高价 ≥ 最低价"),
                state="PASS",
                evaluated=2_566_000,
                bad=0,
                threshold="0",
            ),
            Check(
                name=Text("close inside the day's limit", "收盘价在涨跌停内"),
                state="WARN",
                evaluated=2_566_000,
                bad=41,
                threshold="10",
                worst="300750.SZ, 2026-11-19, +34.1 %",
                since="2026-11-19",
            ),
            Check(name=Text("no repeated bars", "无重复行情"), state="PASS", evaluated=5132, bad=0),
        ),
        quarantined=(
            Quarantined(
                symbol="300750.SZ",
                name="宁德时代",
                rule=Text("close beyond the day's limit", "收盘价超过涨跌停"),
                first_day="2026-11-19",
                rows=2,
                effect=Text("left out of tonight's ranking", "不参与今晚排名"),
                command="qilin quarantine release 300750.SZ",
            ),
            Quarantined(
                symbol="688981.SH",
                name="中芯国际",
                rule=Text("volume without amount", "有成交量而无成交额"),
                first_day="2026-11-20",
                rows=1,
                effect=Text("left out of tonight's ranking", "不参与今晚排名"),
                command="qilin quarantine release 688981.SH",
            ),
            Quarantined(
                symbol="000002.SZ",
                name="万科A",
                rule=Text("price repeated for 9 days with volume", "价格连续 9 天不变但有成交"),
                first_day="2026-11-09",
                rows=9,
                effect=Text("left out of tonight's ranking", "不参与今晚排名"),
                command="qilin quarantine release 000002.SZ",
            ),
        ),
        quarantined_by_count=3 / 5132,
        quarantined_by_value=0.0081,
        suspended=14,
        special_treatment=97,
        newly_listed=6,
        limit_locked=31,
        adjustment=Text("raw with a factor, anchored at the first bar", "原始价与因子，首日锚定"),
        masked=(
            LargeMove("601127.SH", "2025-06-12", -0.412, "no corporate action known"),
            LargeMove("300750.SZ", "2026-11-19", 0.341, "beyond the day's limit of 20 %"),
        ),
    )


def _sessions(n: int) -> tuple[str, ...]:
    days = np.arange(np.datetime64("2017-01-02"), np.datetime64("2026-11-21"))
    return tuple(str(d) for d in days[np.is_busday(days)][-n:])


def _trials(rng: np.random.Generator) -> Trials:
    sharpes = np.sort(rng.normal(0.1, 0.42, 1180))
    rows = []
    for i, state, q, deflated in (
        (0, "SURVIVES", 0.0004, 0.991),
        (1, "SURVIVES", 0.031, 0.962),
        (2, "CANDIDATE", 0.14, 0.84),
        (3, "CANDIDATE", 0.19, 0.80),
        (4, "CANDIDATE", 0.22, 0.77),
    ):
        value = 1.58 - 0.13 * i
        rows.append(
            Trial(
                name=f"momentum {10 + 5 * i}/{60 + 10 * i}",
                state=state,
                strategy="momentum",
                parameters={"fast": 10 + 5 * i, "slow": 60 + 10 * i},
                sharpe=Estimate(value, value - 0.62, value + 0.6, 1952),
                q=q,
                deflated=deflated,
                needed=1410.0 + 700.0 * i if i < 2 else None,
                stepwise=i < 2,
                adjusted=value - 0.75,
                out_of_sample=Estimate(value - 0.4, value - 1.3, value + 0.5, 244)
                if i < 2
                else None,
                drawdown=-0.171 - 0.01 * i,
                turnover=14.2 + i,
                breakeven_bp=34.0 - 4 * i,
                trades=20_411 + i,
                days=1952,
                nights=4 if i == 0 else 1,
                change=Text("q was 0.001", "q 原为 0.001") if i == 0 else Text("entered", "新进"),
            )
        )
    for i in range(40):
        value = float(sharpes[-6 - i])
        rows.append(
            Trial(
                name=f"reversal {i + 2}",
                state="REJECTED",
                strategy="reversal",
                parameters={"days": i + 2},
                sharpe=Estimate(value, value - 0.7, value + 0.7, 1952),
                q=min(0.3 + 0.01 * i, 0.99),
                drawdown=-0.25,
                turnover=88.0,
                trades=90_000,
                days=1952,
            )
        )
    edges = np.linspace(-1.6, 1.8, 35)
    counts, _ = np.histogram(np.clip(sharpes, -1.59, 1.58), edges)
    centres = (edges[1:] + edges[:-1]) / 2
    luck = 1180 * 0.1 * np.exp(-((centres / 0.4) ** 2) / 2) / (0.4 * np.sqrt(2 * np.pi))
    fast, slow = (5, 10, 15, 20, 30), (40, 60, 80, 100, 120, 160)
    grid = [
        [
            None
            if f == 30 and s == 40
            else float(1.5 - 0.004 * (s - 70) ** 2 / 10 - 0.05 * abs(f - 12) + rng.normal(0, 0.07))
            for f in fast
        ]
        for s in slow
    ]
    return Trials(
        rows=tuple(rows),
        counts={"SURVIVES": 2, "CANDIDATE": 3, "REJECTED": 1175, "EXCLUDED": 60},
        level=0.1,
        method="Benjamini–Yekutieli",
        period=("2017-01-03", "2025-11-20"),
        best_name="momentum 10/60",
        best=Estimate(1.58, 0.96, 2.18, 1952),
        noise_best=Estimate(1.31, 1.18, 1.47),
        excluded=(
            (Text("fewer than 250 days", "不足 250 天"), 48),
            (Text("no trades", "无交易"), 12),
        ),
        ledger_total=18_417,
        vault_openings=1,
        vault=("2025-11-21", "2026-11-20"),
        honesty=Honesty(
            effective=37.2,
            total_effective=208.0,
            bar=1.44,
            luck_p=0.012,
            overfitting=0.12,
            loss=0.05,
            choices=12870,
            superior_p=0.021,
            stepwise=2,
            draws=1000,
            block=10,
        ),
        best_trial=rows[0],
        histogram=Histogram(
            edges=tuple(float(e) for e in edges),
            counts=tuple(int(c) for c in counts),
            no_skill=tuple(float(v) for v in luck),
            low=tuple(float(max(v - 2 * np.sqrt(v), 0)) for v in luck),
            high=tuple(float(v + 2 * np.sqrt(v) + 1) for v in luck),
            method=Text("permutation of days", "按日置换"),
        ),
        maps=(
            ParameterMap(
                strategy="momentum",
                x_name=Text("fast window, days", "快速窗口，天"),
                y_name=Text("slow window, days", "慢速窗口，天"),
                x=tuple(str(f) for f in fast),
                y=tuple(str(s) for s in slow),
                sharpe=tuple(tuple(row) for row in grid),
                contains_zero=tuple(tuple(v is not None and v < 0.6 for v in row) for row in grid),
                chosen=(1, 1),
            ),
        ),
        csv="trials.csv",
    )


def _portfolios(rng: np.random.Generator) -> tuple[Portfolio, ...]:
    return tuple(
        _portfolio(rng, name, i) for i, name in enumerate(("momentum 10/60", "momentum 15/70"))
    )


def _portfolio(rng: np.random.Generator, name: str, i: int) -> Portfolio:
    n, held_out = 2196, 1952
    dates = _sessions(n)
    gross = rng.normal(0.00075 - 0.0001 * i, 0.0095, n)
    net_growth = np.cumprod(1 + gross - 0.00012)
    bench = np.cumprod(1 + rng.normal(0.0002, 0.011, n))
    ahead = np.arange(n - held_out)
    drift, spread = 0.0006 * ahead, 0.0095 * np.sqrt(ahead)
    base = net_growth[held_out]
    return Portfolio(
        name=name,
        trial=name,
        dates=dates,
        net=tuple(float(v) for v in net_growth),
        gross=tuple(float(v) for v in np.cumprod(1 + gross)),
        benchmark=tuple(float(v) for v in bench),
        benchmark_name=Text("equal weight", "等权"),
        out_of_sample_from=dates[held_out],
        cone=Cone(
            start=held_out,
            low90=tuple(float(v) for v in base * np.exp(drift - 1.645 * spread)),
            low50=tuple(float(v) for v in base * np.exp(drift - 0.674 * spread)),
            high50=tuple(float(v) for v in base * np.exp(drift + 0.674 * spread)),
            high90=tuple(float(v) for v in base * np.exp(drift + 1.645 * spread)),
        ),
        drawdown_limit=-0.24,
        years=tuple(
            YearReturn(
                year=year,
                net=float(rng.normal(0.14, 0.12)),
                benchmark=float(rng.normal(0.05, 0.15)),
                error=0.08,
                until=DAY if year == 2026 else "",
            )
            for year in range(2018, 2027)
        ),
        months=tuple(
            MonthReturn(
                year=year,
                month=month,
                net=float(rng.normal(0.011, 0.035)),
                until=DAY if (year, month) == (2026, 11) else "",
            )
            for year in range(2018, 2027)
            for month in range(1, 13)
            if not (year == 2026 and month == 12) and not (year == 2018 and month < 6)
        ),
        metrics=(
            Metric(
                name=Text("Sharpe ratio", "夏普比率"),
                value=Estimate(1.18, 0.2, 2.1, 244),
                basis=Text("net", "扣费后"),
                period=Text("out of sample", "样本外"),
            ),
            Metric(
                name=Text("return per year", "年化收益"),
                value=Estimate(0.143, 0.02, 0.27, 2196),
                kind="percent",
                basis=Text("net", "扣费后"),
                period=Text("whole", "全程"),
            ),
            Metric(
                name=Text("costs paid per year", "年成本"),
                value=Estimate(0.0293, None, None, 2196),
                kind="share",
                period=Text("whole", "全程"),
            ),
        ),
        cost_curve=CostCurve(
            cost_bp=tuple(float(v) for v in range(0, 65, 5)),
            sharpe=tuple(float(1.9 - 0.055 * v) for v in range(0, 65, 5)),
            low=tuple(float(1.3 - 0.055 * v) for v in range(0, 65, 5)),
            high=tuple(float(2.5 - 0.055 * v) for v in range(0, 65, 5)),
            assumed_bp=10,
        ),
    )


def _factors(rng: np.random.Generator) -> Factors:
    names = ("rsi_14", "atr_14", "momentum_20", "turnover_5", "beta_60", "illiquidity")
    rows = tuple(
        Factor(
            name=name,
            ic=Estimate(0.041 - 0.009 * i, 0.027 - 0.009 * i, 0.055 - 0.009 * i, 1952),
            t=5.8 - 1.4 * i,
            q=min(0.0004 * 8**i, 0.97),
            coverage=0.991 - 0.004 * i,
            expression="CSRank(Mean($close, 20) / $close - 1)" if i == 2 else "",
        )
        for i, name in enumerate(names)
    )
    months = tuple(f"{2024 + m // 12}-{m % 12 + 1:02d}" for m in range(35))
    return Factors(
        rows=rows,
        label=Text("return from the next open to the open after", "次日开盘至再次日开盘收益"),
        period=("2018-06-25", "2026-11-18"),
        monthly=tuple(
            MonthlyIc(
                name=name,
                months=months,
                ic=tuple(
                    None if i == 7 else float(v) for i, v in enumerate(rng.normal(m, 0.02, 35))
                ),
                error=tuple(float(v) for v in rng.uniform(0.008, 0.014, 35)),
            )
            for name, m in (("rsi_14", 0.04), ("atr_14", 0.028), ("momentum_20", 0.0))
        ),
        decay=tuple(
            Decay(
                name=name,
                horizons=(1, 2, 5, 10, 20),
                ic=tuple(
                    Estimate(top * 0.8**k, top * 0.8**k - 0.012, top * 0.8**k + 0.012)
                    for k in range(5)
                ),
            )
            for name, top in (("rsi_14", 0.041), ("atr_14", 0.03), ("momentum_20", 0.004))
        ),
        quantiles=tuple(
            QuantileReturns(
                name=name,
                returns=tuple(
                    Estimate(float(v), float(v - 2.1), float(v + 2.1), 1952)
                    for v in slope * (np.arange(5) - 2) + wiggle
                ),
                days=1952,
                short_days=3,
            )
            for name, slope, wiggle in (
                ("rsi_14", 2.4, 0.6),
                ("atr_14", 1.5, np.array([0, 0.4, 0, 0.3, 0])),
                ("momentum_20", 0.3, np.array([1.5, -1, 0.6, -0.2, -1.4])),
            )
        ),
    )


def _model(rng: np.random.Generator) -> Model:
    drift_states: tuple[DriftState, ...] = ("drifted", *["stable"] * 5)
    features = ("rsi_14", "atr_14", "momentum_20", "turnover_5", "beta_60", "illiquidity")
    return Model(
        name="lightgbm",
        folds=tuple(
            Fold(
                number=i + 1,
                train=0.11 + 0.004 * i,
                valid=0.055 - 0.003 * i,
                test=Estimate(0.048 - 0.004 * i, 0.03 - 0.004 * i, 0.066 - 0.004 * i, 244),
                test_period=(f"{2021 + i}-11-22", f"{2022 + i}-11-18"),
            )
            for i in range(5)
        ),
        test=Estimate(0.040, 0.032, 0.048, 1220),
        baseline=Estimate(0.035, 0.027, 0.043, 1220),
        baseline_name="rsi_14",
        label=Text("return from the next open to the open after", "次日开盘至再次日开盘收益"),
        importance=tuple(
            Importance(f, 0.31 * 0.7**i, 0.26 * 0.7**i, 0.38 * 0.7**i)
            for i, f in enumerate(features)
        ),
        drift=tuple(
            Drift(f, 0.29 * 0.55**i, 0.02, 0.31 * 0.6**i, 0.2 * 0.9**i, state)
            for i, (f, state) in enumerate(zip(features, drift_states, strict=True))
        ),
        device="cpu",
        seeds=(20261120,),
    )


def _ranking(rng: np.random.Generator) -> Ranking:
    sectors = (Text("banks", "银行"), Text("software", "软件"), Text("chemicals", "化工"))
    return Ranking(
        day="2026-11-23",
        rows=tuple(
            Ranked(
                rank=i + 1,
                symbol=f"{600000 + 37 * i}.SH",
                score=float(0.0192 * 0.985**i),
                previous=None if i == 4 else int(1 + abs(i + rng.integers(-9, 10))),
                group=sectors[i % 3],
            )
            for i in range(120)
        ),
        total=5112,
        score=Text("expected return rank", "预期收益排名"),
        csv="ranking.csv",
    )


def _changes() -> Changes:
    return Changes(
        previous_day="2026-11-19",
        previous_name="full-01",
        scope=Text("survivors", "通过者"),
        inputs=(
            InputChange(
                name=Text("data snapshot", "数据快照"), before="90c1de55a2b1", now="a41f77c09be2"
            ),
            InputChange(name=Text("code", "代码"), before="3f9c2ab81d07", now="3f9c2ab81d07"),
            InputChange(name=Text("settings", "设置"), before="71b0aa90c3d4", now="71b0aa90c3d4"),
        ),
        numbers_before={"trials": 200, "survivors": 0, "model_rank_ic": 0.03},
        entered=(Move("momentum 15/70", Text("q 0.13 → 0.03", "q 0.13 → 0.03")),),
        left=(Move("reversal 3", Text("q 0.09 → 0.34", "q 0.09 → 0.34")),),
        moved=(Move("momentum 10/60", Text("q 0.001 → < 0.001", "q 0.001 → < 0.001")),),
    )


def _leaks() -> tuple[LeakTest, ...]:
    caught = Text("caught", "捕获")
    return (
        LeakTest(
            name=Text("future value planted", "植入未来值"),
            catches=Text("that the alarm works at all", "报警本身是否有效"),
            expected=caught,
            seen=caught,
            state="PASS",
            planted=True,
        ),
        LeakTest(
            name=Text("shift features by −1 day", "特征前移 1 天"),
            catches=Text("features that know the next close", "含次日收盘信息的特征"),
            expected=Text("IC within ±0.010", "IC 在 ±0.010 内"),
            seen="IC 0.003",
            state="PASS",
        ),
        LeakTest(
            name=Text("shuffle labels", "打乱标签"),
            catches=Text("scores that do not need the label", "不依赖标签的得分"),
            expected=Text("IC within ±0.010", "IC 在 ±0.010 内"),
            seen="IC −0.001",
            state="PASS",
        ),
    )


def _devices() -> tuple[DeviceUse, ...]:
    return (
        DeviceUse(
            stage="features",
            asked="gpu",
            used="cpu",
            reason=Text("no CUDA device visible", "未发现 CUDA 设备"),
            seconds=400,
        ),
        DeviceUse(
            stage="train",
            asked="cpu",
            used="cpu",
            seconds=351,
            speed=1.02,
            difference=0.0,
            tolerance=1e-6,
        ),
    )


def _provenance() -> Provenance:
    return Provenance(
        run_id="6f3a1c1e-30bb-4a27-9a54-1f0c7a2f6f10",
        hashes={
            "data": "a41f77c09be2d3556f10aa",
            "settings": "71b0aa90c3d4",
            "lock": "5cc1d0f2aa",
            "numbers": "0d5be4177f3c8a21",
        },
        versions={
            "numpy": "2.4.6",
            "numba": "0.64.0",
            "lightgbm": "4.7.0",
            "cupy": "not installed",
        },
        seeds={"night": 20261120},
        machine={"cores": "16", "memory": "64 GB", "GPU": "none"},
        command="qilin nightly --size full --data-date 2026-11-20 --commit 3f9c2ab81d07",
        survival=Survival(
            lives=(
                Life(
                    run_id="0c0f27de-5a3a-4f3c-9d52-6f6ad2a3b7b1",
                    started="2026-11-20T18:30:02+08:00",
                    last="2026-11-20T18:41:37+08:00",
                    begun=23,
                    died=True,
                ),
                Life(
                    run_id="6f3a1c1e-30bb-4a27-9a54-1f0c7a2f6f10",
                    started="2026-11-20T18:52:10+08:00",
                    last="2026-11-20T18:59:44+08:00",
                    begun=9,
                    died=False,
                ),
            ),
            resent=2,
            computed=14,
            reused=31,
            bytes=412_000_000,
            twice=("backtest 07/20 trials 0300-0349", "train lightgbm fold 3/5"),
        ),
    )
