"""The messages and questions of the wizard, in English and in French."""

from __future__ import annotations

from collections.abc import Mapping

from stellary.core.wizard.rules.words import Language

_UNKNOWN = (
    "no such change is known: add, remove, rename, merge, split or move something, say what is urgent, how long it takes,"
    " when it starts or ends, or undo"
)
_INCONNU = (
    "ce changement n'est pas connu : ajouter, supprimer, renommer, fusionner, scinder ou déplacer quelque chose, dire ce qui"
    " est urgent, les durées, le début ou la fin, ou annuler"
)
_MESSAGES: Mapping[str, tuple[str, str]] = {
    "risk": ("Risk: {text}", "Risque : {text}"),
    "acceptance": ("Check what the brief asks for", "Vérifier ce que demande le cahier des charges"),
    "missing_goal": ("What it is for", "À quoi cela sert"),
    "missing_work": ("What has to be made or done", "Ce qu'il faut faire ou produire"),
    "missing_audience": ("Whom it is for", "À qui cela s'adresse"),
    "missing_deadline": ("When it has to be finished", "Quand tout doit être terminé"),
    "missing_start": ("When it can begin", "Quand cela peut commencer"),
    "missing_people": ("Who works on it", "Qui y travaille"),
    "missing_limits": ("Which limits it has to keep", "Quelles contraintes respecter"),
    "missing_success": ("How its success will be known", "À quoi l'on verra que c'est réussi"),
    "missing_risks": ("What could go wrong", "Ce qui pourrait mal tourner"),
    "ask_goal": (
        "What shall be better once “{name}” is done?",
        "Qu'est-ce qui ira mieux quand « {name} » sera terminé ?",
    ),
    "ask_work": (
        "What has to be made or done? One thing a line.",
        "Que faut-il faire ou produire ? Une chose par ligne.",
    ),
    "ask_more_work": (
        "The brief names {count}: what else has to be made or done? One thing a line.",
        "Le texte en nomme {count} : que faut-il faire ou produire d'autre ? Une chose par ligne.",
    ),
    "ask_audience": ("Whom is it for?", "À qui cela s'adresse-t-il ?"),
    "ask_deadline": ("When does it have to be finished?", "Quand tout doit-il être terminé ?"),
    "ask_start": ("When can it begin?", "Quand cela peut-il commencer ?"),
    "ask_people": ("How many people work on it?", "Combien de personnes y travaillent ?"),
    "ask_limits": ("Which limits does it have to keep?", "Quelles contraintes faut-il respecter ?"),
    "limit_budget": ("A budget", "Un budget"),
    "limit_law": ("Laws, data protection, standards", "Des lois, la protection des données, des normes"),
    "limit_technology": ("Technology that is given", "Une technique imposée"),
    "limit_people": ("People's time", "Le temps des personnes"),
    "limit_none": ("None of these", "Aucune de celles-ci"),
    "ask_limits_detail": (
        "What exactly holds for: {chosen}? One thing a line.",
        "Qu'est-ce qui vaut exactement pour : {chosen} ? Une chose par ligne.",
    ),
    "ask_success": ("By what will you know that it has succeeded?", "À quoi verrez-vous que c'est réussi ?"),
    "ask_risks": (
        "What could go wrong? One thing a line.",
        "Qu'est-ce qui pourrait mal tourner ? Une chose par ligne.",
    ),
    "ask_first": ("What matters most?", "Qu'est-ce qui compte le plus ?"),
    "ask_later": ("What can wait, if time gets short?", "Qu'est-ce qui peut attendre si le temps manque ?"),
    "ask_handling": ("What is done about this: “{text}”?", "Que fait-on à ce sujet : « {text} » ?"),
    "ask_decision": ("The brief asks: “{text}”", "Le texte demande : « {text} »"),
    "unready": (
        "The brief is {score} of 100 ready. Not known yet: {missing}.",
        "Le projet est prêt à {score} sur 100. On ne sait pas encore : {missing}.",
    ),
    "past_deadline": (
        "{day} is before the work can begin, and is not kept to.",
        "Le {day} précède le début du travail : il n'en est pas tenu compte.",
    ),
    "tight": (
        "The work is estimated at {needed} days, and there are {left}.",
        "Le travail est estimé à {needed} jours, et il y en a {left}.",
    ),
    "excluded": ("Not part of it: {text}.", "N'en fait pas partie : {text}."),
    "no_such": (
        "nothing in the roadmap is called “{text}”",
        "rien dans la feuille de route ne s'appelle « {text} »",
    ),
    "several": ("“{text}” could be {found}", "« {text} » peut être {found}"),
    "not_understood": (_UNKNOWN, _INCONNU),
    "last_phase": ("a roadmap has one phase at least", "une feuille de route a au moins une phase"),
    "nothing_to_undo": ("there is nothing to undo", "il n'y a rien à annuler"),
    "no_date": ("it names no date", "aucune date n'y est donnée"),
    "same": ("that is one and the same", "c'est une seule et même chose"),
    "too_short": ("there is nothing to split in it", "il n'y a rien à y scinder"),
    "full": ("a roadmap has {most} phases at most", "une feuille de route a {most} phases au plus"),
}


def format_message(language: Language, key: str, **values: object) -> str:
    """Return a message in a language, with its placeholders filled in."""
    english, french = _MESSAGES[key]
    return (french if language == "fr" else english).format(**values)
