"""The names that files give to the speakers of a conversation."""

import re
from collections.abc import Mapping

ROLES = ("system", "user", "assistant", "tool")
CALL = "call"
"""A speaker whose text is a tool call of the assistant."""
_NAMES: Mapping[str, tuple[str, ...]] = {
    "system": ("system", "developer", "sys"),
    "user": ("user", "human", "prompter", "usr"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "ai", "llm",
                  "ai_assistant", "gpt_4", "gpt4", "gpt_3.5", "claude", "bard", "bing"),
    "tool": ("tool", "function", "observation", "tool_response", "tool_responses",
             "function_response", "tool_result", "tool_results", "function_result", "tool_output",
             "function_output", "function_call_output",
             "ipython"),
    CALL: ("function_call", "function_calls", "tool_call", "tool_calls"),
}  # fmt: skip
"""By role, the names that OpenAI, TRL, Axolotl, LLaMA-Factory, ms-swift, Llama 3, Gemma, Cohere and
Open Assistant use. `plain` names."""
_KNOWN = {name: role for role, names in _NAMES.items() for name in names}
_MOST_SEEN = 1000


class Roles:
    """Maps the names of speakers to roles, also the names that a person mapped."""

    def __init__(self, mapped: Mapping[str, str] | None = None) -> None:
        self._mapped = {_plain(name): role for name, role in (mapped or {}).items()}
        self.seen: dict[str, str] = {}
        """The names that were asked for and have a role, each with one shared text."""

    def of(self, name: object) -> str:
        """Return the role of a speaker, or `CALL`; empty if it is unknown."""
        if not isinstance(name, str):
            return ""
        plain = _plain(name)
        found = self._mapped.get(plain) or _KNOWN.get(plain, "")
        if found in ROLES and len(self.seen) < _MOST_SEEN and len(name) < _MOST_SEEN:
            self.seen[name] = found
        return found


def mapping(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the names of speakers and their roles from texts such as `npc=assistant`."""
    return {name.strip(): role.strip() for name, _, role in (one.rpartition("=") for one in pairs)}


def _plain(name: str) -> str:
    """Return a name in lower case without the marks around it: `<|User|>`, `Human:`."""
    return re.sub(r"[\s-]+", "_", name[:200].strip(" \t\n<|>:#*[]").lower())
