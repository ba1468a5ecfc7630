"""Text for cells of a spreadsheet."""

from typing import Any

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "|", "%")


def harmless(cell: Any) -> Any:
    """A leading apostrophe where a spreadsheet would compute or run something (OWASP, CSV
    injection).
    """
    if isinstance(cell, str) and (cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA)):
        return f"'{cell}"
    return cell
