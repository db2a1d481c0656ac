"""The one formatter of numbers: counts, shares, money, durations. None, or a share of nothing, is a dash."""

from typing import Final

NONE: Final = "-"


def number(value: float | None, digits: int = 0) -> str:
    """A count or a mean with separators between thousands.

    Example:
        >>> number(52445), number(15.94, 1), number(None)
        ('52,445', '15.9', '-')
    """
    return NONE if value is None else f"{value:,.{digits}f}"


def counted(count: int, what: str) -> str:
    """A number with its noun, in the plural unless the number is 1.

    Example:
        >>> counted(1, "row"), counted(1161, "row")
        ('1 row', '1,161 rows')
    """
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def percent(part: float, whole: float) -> str:
    """A share in percent, with a decimal if it is small.

    Example:
        >>> percent(1, 3), percent(1, 30), percent(0, 0)
        ('33%', '3.3%', '-')
    """
    if not whole:
        return NONE
    share = part / whole
    return f"{share:.1%}" if 0 < share < 0.0995 else f"{share:.0%}"


def money(value: float | None) -> str:
    """US dollars, with four decimals below one dollar.

    Example:
        >>> money(12.5), money(0.0123), money(0), money(None)
        ('$12.50', '$0.0123', '$0.00', 'price not known')
    """
    if value is None:
        return "price not known"
    return f"${value:,.4f}" if 0 < value < 1 else f"${value:,.2f}"


def duration(seconds: float) -> str:
    """Seconds as people write them.

    Example:
        >>> duration(4.21), duration(42), duration(190), duration(7500)
        ('4.2 s', '42 s', '3 min 10 s', '2 h 5 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
