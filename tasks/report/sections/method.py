"""L: how to read it: states, rules and words."""

from __future__ import annotations

from tasks.report.blocks import Cell, Facts, Prose, Section
from tasks.report.night import Missing, Night
from tasks.report.words import Text, Words, say

NAME = Text("Method and glossary", "方法与术语")


def build(night: Night) -> Section:
    """Definitions, each once."""
    sessions = 244 if isinstance(night.trials, Missing) else night.trials.sessions_per_year
    finding = Text("What the words and states mean", "术语与状态的含义")
    time = Prose(
        Text(
            "A signal of day t is known after the close of t and filled at the open of t + 1. "
            "Selection never sees scores from inside the held-out interval.",
            "第 t 日的信号在 t 日收盘后已知，于 t + 1 日开盘成交。"
            "选择过程从不使用留存区间内的评分。",
        )
    )
    return Section("L", "method", NAME, "PASS", finding, (time, Facts(_glossary(sessions))))


def _glossary(sessions: int) -> tuple[tuple[Words, Cell], ...]:
    entries: tuple[tuple[Words, Words], ...] = (
        (
            Text("PASS, WARN, FAIL, SKIP, UNKNOWN", "通过、警告、失败、跳过、未知"),
            Text(
                "The night's state is the worst of its parts. Zero survivors is PASS.",
                "整体状态取各部分最差者。零个通过仍为“通过”状态。",
            ),
        ),
        (
            Text("trial", "试验"),
            Text(
                "One strategy with one set of parameters that was scored.",
                "一个策略与一组参数的一次评分。",
            ),
        ),
        (
            Text("survivor", "通过多重检验"),
            Text(
                "A trial that passes the multiple-testing rule at the level printed.",
                "在所示水平下通过多重检验规则的试验。",
            ),
        ),
        (
            Text("net of costs", "扣费后"),
            Text("After commission, stamp duty and slippage.", "扣除佣金、印花税与滑点。"),
        ),
        (
            Text("Sharpe ratio", "夏普比率"),
            say(
                "Mean over standard deviation of daily net returns, times √{n} trading days.",
                "扣费后日收益的均值除以标准差，乘以 √{n} 个交易日。",
                n=str(sessions),
            ),
        ),
        (
            "q",
            Text(
                "Smallest false discovery rate at which the trial would still survive.",
                "该试验仍能通过的最小错误发现率。",
            ),
        ),
        (
            Text("best of noise", "纯噪声最优"),
            Text(
                "Sharpe ratio that the best of N trials would reach without any skill.",
                "N 个无技能试验中最优者可达到的扣费后夏普。",
            ),
        ),
        (
            Text("deflated Sharpe", "折减夏普概率"),
            Text(
                "Probability that the true Sharpe exceeds what the best of all trials since the "
                "ledger began would reach without skill.",
                "真实夏普超过台账全部试验中无技能最优者的概率。",
            ),
        ),
        (
            Text("ledger", "台账"),
            Text(
                "Every trial ever made on this family of data, each counted once, over all nights, "
                "sweeps and users.",
                "在该数据族上做过的全部试验，跨夜、跨扫描、跨用户，每个只计一次。",
            ),
        ),
        (
            Text("vault", "留存数据"),
            Text(
                "Interval whose scores no selection sees. Sweeps, factors and out-of-sample scores "
                "of the model end before it; tomorrow's ranking is fitted on all bars. Moved and "
                "opened by qilin vault only; every opening is counted.",
                "任何选择都不使用其评分的区间。扫描、因子及模型样本外评分均止于其前；"
                "明日排名用全部数据拟合。仅由 qilin vault 移动或打开，每次打开均计数。",
            ),
        ),
        (
            Text("over the universe", "相对全体等权"),
            Text(
                "Daily net return minus that of holding every stock of the universe in equal "
                "weights before costs.",
                "扣费后日收益减去等权持有全部股票的费前日收益。",
            ),
        ),
        (
            Text("PBO", "回测过拟合概率"),
            Text(
                "Probability of backtest overfitting: over all ways to cut the time into two "
                "halves of 16 parts, how often the best trial of one half ends below the median on "
                "the other.",
                "回测过拟合概率：将时间分为 16 段、各取一半的所有切法中，"
                "一半上的最优试验在另一半落到中位数以下的比例。",
            ),
        ),
        (
            Text("rank IC", "秩 IC"),
            Text(
                "Spearman correlation across stocks of a day's factor with the label.",
                "当日因子与标签的截面 Spearman 相关系数。",
            ),
        ),
        (
            Text("drawdown", "回撤"),
            Text("Loss from the highest value so far.", "距此前最高值的损失。"),
        ),
        (
            Text("turnover", "换手率"),
            Text("One-way traded value per year over the capital.", "年单边成交额除以资金。"),
        ),
        (
            Text("confidence interval", "置信区间"),
            Text(
                "Range that holds the true value in 95 of 100 such samples, from a block bootstrap "
                "unless said otherwise.",
                "100 次同类抽样中 95 次包含真值的范围；未注明时由分块自助法得到。",
            ),
        ),
        (
            Text("quarantined, set aside", "已隔离"),
            Text(
                "Left out of tonight's ranking because a rule of the quality gate was broken.",
                "因违反质量规则而不参与今晚的排名。",
            ),
        ),
        (
            Text("leak test", "未来数据泄漏检验"),
            Text(
                "A test that fails if a value of the future reaches a decision of the past.",
                "若未来数据影响过去决策则失败的检验。",
            ),
        ),
        (
            Text("device fallback", "设备回退"),
            Text(
                "A stage ran on the CPU though a GPU was asked for.",
                "要求 GPU 而实际在 CPU 上运行。",
            ),
        ),
        (
            Text("data snapshot", "数据快照"),
            Text("The exact bytes of data that the night read.", "本次运行所读数据的确切内容。"),
        ),
    )
    return tuple((term, Cell(meaning)) for term, meaning in entries)
