"""Names of months and weekdays, whatever the locale.

They are English, German, French, Spanish, Italian, Portuguese and Dutch; weekdays only the first
four.
"""

import unicodedata

_MONTHS = (
    "january jan januar janner janvier janv enero ene gennaio gen janeiro januari",
    "february feb februar fevrier fevr fev febrero febbraio fevereiro februari",
    "march mar marz mrz mars marzo marco maart mrt",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "june jun juni juin junio giugno giu junho",
    "july jul juli juillet juil julio luglio lug julho",
    "august aug aout agosto ago augustus",
    "september sep sept septembre septiembre settembre setembro set",
    "october oct oktober okt octobre octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro",
    "december dec dezember dez decembre diciembre dic dicembre dezembro",
)

_WEEKDAYS = (
    "monday mon montag mo lundi lun lunes",
    "tuesday tue tues dienstag di mardi mar martes",
    "wednesday wed mittwoch mi mercredi mer miercoles mie",
    "thursday thu thur thurs donnerstag do jeudi jeu jueves jue",
    "friday fri freitag fr vendredi ven viernes vie",
    "saturday sat samstag sonnabend sa samedi sam sabado sab",
    "sunday sun sonntag so dimanche dim domingo dom",
)

_MONTH_OF = {name: k for k, names in enumerate(_MONTHS, start=1) for name in names.split()}
_WEEKDAY_NAMES = {name for names in _WEEKDAYS for name in names.split()}


def month_number(word: str) -> int | None:
    """Return the number of a month by its name or abbreviation, from 1; None for other words."""
    return _MONTH_OF.get(_plain(word))


def is_weekday(word: str) -> bool:
    """Return whether a word is the name of a weekday or its abbreviation."""
    return _plain(word) in _WEEKDAY_NAMES


def _plain(word: str) -> str:
    """Return a word in small letters, without accents and without a final dot."""
    decomposed = unicodedata.normalize("NFD", word.casefold().removesuffix("."))
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))
