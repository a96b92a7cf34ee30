"""Short chat templates with the habits of families whose own templates are not copied here."""

KIMI_THINKING = """{%- set ns = namespace(last=-1) -%}
{%- for m in messages -%}
  {%- if m.role == 'assistant' and not m.get('tool_calls') -%}
    {%- set ns.last = loop.index0 -%}
  {%- endif -%}
{%- endfor -%}
{%- if tools -%}<|im_system|>tools<|im_middle|>{{ tools | tojson }}<|im_end|>{%- endif -%}
{%- for m in messages -%}
  <|im_{{ m.role }}|>{{ m.role }}<|im_middle|>
  {%- if m.role == 'assistant' -%}
    {%- set thought = m.get('reasoning_content', '') if loop.index0 > ns.last else '' -%}
    <think>{{ thought }}</think>
  {%- endif -%}
  {{ m.content }}
  {%- for call in m.get('tool_calls', []) -%}
    <|call|>{{ call.function.name }}{{ call.function.arguments | tojson }}
  {%- endfor -%}
  <|im_end|>
{%- endfor -%}
{%- if add_generation_prompt -%}<|im_assistant|>assistant<|im_middle|>{%- endif -%}"""
"""Kimi-K2-Thinking's and K2.5's habit: reasoning is printed behind the last answer only."""
GLM_5 = """[gMASK]<sop>{% if tools %}<|system|>{{ tools | tojson }}{% endif %}
{%- set ns = namespace(last=-1) -%}
{%- for m in messages -%}
  {%- if m.role == 'user' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- for m in messages -%}
  {{- '<|' + ('observation' if m.role == 'tool' else m.role) + '|>' -}}
  {%- if m.role == 'assistant' -%}
    {%- if loop.index0 > ns.last and m.reasoning_content is string -%}
      {{- '<think>' + m.reasoning_content + '</think>' -}}
    {%- else -%}{{- '<think></think>' -}}{%- endif -%}
  {%- endif -%}
  {{- m.content.strip() -}}
  {%- for call in m.tool_calls or [] -%}
    {{- '<tool_call>' + call.function.name -}}
    {%- for key, value in call.function.arguments.items() -%}
      {{- '<arg_key>' + key + '</arg_key><arg_value>' -}}
      {{- (value if value is string else value | tojson) + '</arg_value>' -}}
    {%- endfor -%}{{- '</tool_call>' -}}
  {%- endfor -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|><think>' -}}{%- endif -%}"""
"""GLM-5's habits: the prompt opens reasoning, which earlier turns close at once; no end token."""
HUNYUAN = (
    "{% for m in messages %}{% if m.role == 'system' %}"
    "{{ '<|startoftext|>' + m.content + '<|extra_4|>' }}{% elif m.role == 'user' %}"
    "{% if not (loop.index0 == 1 and messages[0].role == 'system') %}{{ '<|startoftext|>' }}"
    "{% endif %}{{ m.content + '<|extra_0|>' }}{% else %}{{ m.content + '<|eos|>' }}{% endif %}"
    "{% endfor %}"
)
"""Hunyuan-A13B's habits without tools: no prompt for an answer."""
ERNIE = (
    "{{ '<|begin_of_sentence|>' }}{% for m in messages %}{% if m.role == 'user' %}"
    "{{ 'User: ' + m.content + '\\n' }}{% elif m.role == 'assistant' %}"
    "{{ 'Assistant: ' + m.content + '<|end_of_sentence|>' }}{% else %}{{ m.content + '\\n' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}"
)
"""ERNIE 4.5's habits: the roles are plain text."""
DOTS = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ '<|system|>' + m.content }}"
    "{{ '<|endofsystem|>' }}{% elif m.role == 'user' %}{{ '<|userprompt|>' + m.content }}"
    "{{ '<|endofuserprompt|>' }}{% else %}{{ '<|response|>' + m.content + '<|endofresponse|>' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|response|>' }}{% endif %}"
)
"""The habits of dots.llm1: each role has tokens of its own."""
SHORT = {
    "kimi_thinking": KIMI_THINKING, "glm_5": GLM_5, "hunyuan": HUNYUAN, "ernie": ERNIE,
    "dots": DOTS,
}  # fmt: skip
"""By family."""
