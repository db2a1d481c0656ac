"""Refusals in words, by language: a whole reply in which a model declines to do what it was asked."""

import re

_THIS = r"(?:this|that|these|the|your|any|such|it|so)"
_REFUSAL = re.compile(
    r"""(?xi)
    [\s\[("'“*]*+ (?:
      (?:(?:i['’]?m|i\sam)\s(?:\w+\s)?sorry|sorry|i\sapologi[sz]e|unfortunately|apologies)\b[^\n]{0,40}?
        \bi\s?(?:['’]m|am)?\s?(?:not\s(?:able|allowed)|unable|cannot|can['’]?t|can\snot|won['’]t)\s(?:to\s)?
        (?:\w+\s)?(?:assist|help|fulfil|comply|complete|answer|respond|provide|generate|create|write|continue|do|process|engage)
    | i\s(?:cannot|can['’]t|can\snot|am\s(?:not\sable|unable)\sto|won['’]t|will\snot)\s(?:\w+\s)?
        (?:assist|help|fulfil\w*|comply|complete|respond|provide|generate|create|write|continue|engage)\b
        (?=[^\n]{0,60}\b(?:"""
    + _THIS
    + r"""|request|content|examples?|instructions?|tasks?)\b)
    | (?:i['’]?m\ssorry,?\s)?(?:but\s)?as\s(?:an?|your)\s(?:\w+\s){0,3}(?:ai|artificial\sintelligence|language\smodel)\b
    | (?:i['’]m|i\sam)\s(?:just\s|only\s)?an?\s(?:\w+[\s-]){0,3}(?:ai|language\smodel)\b
    | i\s(?:do\snot|don['’]t)\sfeel\scomfortable\b
    | i['’]d\srather\snot\s(?:write|provide|create|say|answer)\b
    | [^\n.]{0,40}\bbeyond\smy\s(?:current\s)?capabilit
    | (?:please|could\syou|can\syou)\s(?:please\s)?(?:provide|share|give|send|paste|enter|specify)\b[^\n]{0,80}
        \b(?:like\sme\sto|want\sme\sto|for\sme\sto|so\s(?:that\s)?i\scan)\b
    | (?:es\stut\smir\sleid|leider|entschuldigung)\b[^\n]{0,60}\b(?:ich|kann)\b[^\n]{0,40}
        \bnicht\s(?:helfen|erfüllen|beantworten|weiterhelfen)
    | (?:je\ssuis\s)?(?:désolée?|navrée?)\b[^\n]{0,40}\bje\sne\s(?:peux|puis|suis)\spas\s
    | lo\ssiento\b[^\n]{0,40}\bno\spuedo\s | mi\sdispiace\b[^\n]{0,40}\bnon\sposso\s
    | (?:desculpe|sinto\smuito|lamento)\b[^\n]{0,40}\bnão\s(?:posso|consigo)\s
    | (?:很?抱歉|对不起|抱歉)[^\n]{0,20}(?:无法|不能) | 作为(?:一个|一款)?(?:AI|人工智能|大?语言模型)
    | 申し訳(?:ありません|ございません)[^\n]{0,40}(?:できません|いたしかねます|できかねます) | 죄송[^\n]{0,40}수\s?없
    | (?:извините|к\sсожалению|простите)[^\n]{0,40}не\sмогу\s | (?:عذرًا|عذرا|آسف|أعتذر)[^\n]{0,40}(?:لا\sأستطيع|لا\sيمكنني)
    )"""
)


def is_refusal(text: str) -> bool:
    """Return whether a text begins by declining to do what was asked.

    A polite refusal that was requested ("I'm sorry, but I can't come on Friday") does not count: the text must
    decline help, an answer or the like.

    Example:
        >>> is_refusal("I'm sorry, but I can't help with that."), is_refusal("I'm sorry, but I can't come on Friday.")
        (True, False)
    """
    return _REFUSAL.match(text) is not None
