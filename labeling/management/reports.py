"""What commands say of a refit."""

from labeling.aggregation import Report


def describe(report: Report) -> str:
    """Put a refit's findings into a few lines."""
    lines = [f"{report.n_votes:,} votes on {report.n_questions:,} questions; {report.n_settled:,} settled."]
    if report.accuracy is not None and report.majority_accuracy is not None:
        lines.append(
            f"Right against {report.n_known:,} known answers: consensus {report.accuracy:.2%}, "
            f"majority {report.majority_accuracy:.2%}."
        )
    return "\n".join(lines)
