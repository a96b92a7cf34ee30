"""Finds API keys and tokens, by the forms that their providers publish."""

import re
from collections.abc import Iterator

from planner.data.personal.span import Span

_WORD = "[A-Za-z0-9_-]"
_FORMS = (
    # The common prefix of such keys, and the form of a complete key.
    ("AKIA", "AKIA[A-Z2-7]{16}"),  # Amazon, long-lived
    ("ASIA", "ASIA[A-Z2-7]{16}"),  # Amazon, for a session
    ("ghp_", "ghp_[A-Za-z0-9]{36,255}"),  # GitHub: personal, OAuth, user, server, refresh
    ("gho_", "gho_[A-Za-z0-9]{36,255}"),
    ("ghu_", "ghu_[A-Za-z0-9]{36,255}"),
    ("ghs_", "ghs_[A-Za-z0-9]{36,255}"),
    ("ghr_", "ghr_[A-Za-z0-9]{36,255}"),
    ("github_pat_", "github_pat_[A-Za-z0-9_]{60,255}"),
    ("glpat-", rf"glpat-{_WORD}{{20,255}}"),  # GitLab: personal, deploy, runner
    ("gldt-", rf"gldt-{_WORD}{{20,255}}"),
    ("glrt-", rf"glrt-{_WORD}{{20,255}}"),
    ("xox", rf"xox[abeoprs]-{_WORD}{{10,255}}"),  # Slack
    ("xapp-", rf"xapp-{_WORD}{{20,255}}"),
    ("hooks.slack.com", r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20,100}"),
    ("k_live_", "[sr]k_live_[A-Za-z0-9]{16,255}"),  # Stripe
    ("k_test_", "[sr]k_test_[A-Za-z0-9]{16,255}"),
    ("whsec_", "whsec_[A-Za-z0-9+/=]{24,100}"),
    ("AIza", rf"AIza{_WORD}{{35}}"),  # Google
    ("ya29.", r"ya29\.[A-Za-z0-9_.-]{20,512}"),
    ("GOCSPX-", rf"GOCSPX-{_WORD}{{28}}"),
    # OpenAI, Anthropic and others:
    ("sk-", rf"sk-(?=[A-Za-z_-]*+[0-9])(?={_WORD}{{0,60}}?[A-Za-z0-9]{{16}}){_WORD}{{20,255}}"),
    ("hf_", "hf_[A-Za-z]{34}"),  # Hugging Face
    ("npm_", "npm_[A-Za-z0-9]{36}"),
    ("pypi-", rf"pypi-AgE{_WORD}{{50,512}}"),
    ("SG.", rf"SG\.{_WORD}{{16,32}}\.{_WORD}{{32,64}}"),  # SendGrid
    (":AA", rf"[0-9]{{8,10}}:AA{_WORD}{{32,33}}"),  # Telegram
    ("dop_v1_", "dop_v1_[0-9a-f]{64}"),  # DigitalOcean
    ("dapi", "dapi[0-9a-f]{32}(?:-[0-9])?"),  # Databricks
    ("gsk_", "gsk_[A-Za-z0-9]{48,64}"),  # Groq
    ("xai-", "xai-[A-Za-z0-9]{60,100}"),
    ("hvs.", rf"hvs\.{_WORD}{{24,255}}"),  # HashiCorp Vault
    ("dckr_pat_", rf"dckr_pat_{_WORD}{{27}}"),  # Docker
    ("shp", "shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),  # Shopify
    ("r8_", "r8_[A-Za-z0-9]{37}"),  # Replicate
    ("eyJ", rf"eyJ{_WORD}{{10,8192}}\.eyJ{_WORD}{{5,8192}}\.{_WORD}{{16,2048}}"),  # JSON Web Token
)
_COMPILED = [
    (hint, re.compile(rf"(?<![A-Za-z0-9_-]){form}(?![A-Za-z0-9])")) for hint, form in _FORMS
]
_MARKS = ("_", "-", "")
"""Characters that many prefixes share, for a fast first test."""


def find_api_keys(text: str) -> Iterator[Span]:
    """Yield the API keys and tokens of known providers."""
    for mark, forms in _BY_MARK.items():
        if mark in text:
            for hint, form in forms:
                if hint in text:
                    for match in form.finditer(text):
                        yield Span("SECRET", match.start(), match.end())


def _mark(hint: str) -> str:
    return next(mark for mark in _MARKS if mark in hint)


_BY_MARK = {mark: [one for one in _COMPILED if _mark(one[0]) == mark] for mark in _MARKS}
