"""The night's headline numbers: the few that people compare from night to night."""

from __future__ import annotations

from tasks.report.night import Missing, Night


def headline(night: Night) -> dict[str, float | int | str | None]:
    """Name to number; a part that is missing has no number here, never a zero."""
    found: dict[str, float | int | str | None] = {}
    if not isinstance(night.trials, Missing):
        trials = night.trials
        found |= {"trials": trials.tried, "survivors": trials.count("SURVIVES")}
        found["trials_since_ledger_began"] = trials.ledger_total
        if trials.honesty is not None:
            found["effective_trials"] = trials.honesty.effective
            found["effective_trials_since_ledger_began"] = trials.honesty.total_effective
            found["overfitting_probability_ratio"] = trials.honesty.overfitting
            found["superior_ability_p_ratio"] = trials.honesty.superior_p
        found["vault_openings"] = trials.vault_openings
        found["best_sharpe_ratio"] = trials.best.value if trials.best else None
        found["best_of_noise_sharpe_ratio"] = trials.noise_best.value if trials.noise_best else None
    if not isinstance(night.model, Missing):
        found["model_rank_ic"] = night.model.test.value
    if not isinstance(night.portfolios, Missing) and night.portfolios:
        net = night.portfolios[0].net
        found["portfolio_growth_ratio"] = net[-1] if net else None
    if not isinstance(night.ranking, Missing):
        found["ranked"] = night.ranking.total
    return found
