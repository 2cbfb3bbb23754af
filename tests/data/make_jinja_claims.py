#!/usr/bin/env python3
"""Small templates and what Jinja2 makes of them, with the settings transformers uses for chat templates.

usage: make_jinja_claims.py > golden/jinja_claims.json      (Python 3.11, pip install jinja2==3.1.6)

Every claim: {"group", "template", "rendered" or "error"}, and "context" where it is not CONTEXT. Every chat: the name of
a real template in golden/chat, a context with tools and other things the goldens there lack, "rendered" or "error".
"""
import json
import pathlib
import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

CONTEXT = {
    "messages": [{"role": "user", "content": " Hi "}, {"role": "assistant", "content": "Yo"}, {"role": "user", "content": "a <b> & 'c'"}],
    "name": "Ada", "text": "The quick brown\nfox  jumps", "wide": "Zürich ß ŉ 東京 🙂", "empty": "", "number": 7, "real": 2.5, "yes": True,
    "no": False, "nothing": None, "list": [3, 1, 2], "words": ["b", "A", "c", "a"], "map": {"z": 1, "a": {"b": [1, 2.0, None]}, "items": "shadow"},
    "people": [{"name": "Bo", "age": 3, "tags": ["x"]}, {"name": "al", "age": 5}, {"name": "Cy", "age": 3, "tags": []}],
    "odd": {"quote\"": "a\\b/\u0001\u007f\u2028", "euro": "€", "smile": "🙂"}, "zero": 0,
}


class Generation(jinja2.ext.Extension):
    """{% generation %} as transformers has it: the body, with variables of its own."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    def fail(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = fail
    env.globals["strftime_now"] = lambda form: "01 Jan 2026"
    return env


CLAIMS = {
    "white space": [
        "a\n  {% if yes %}\n  b\n  {% endif %}\n  c\n", "a\n\n{%- if yes %}\n\nb\n{%- endif -%}\n\n c", "  {% if yes %}x{% endif %}  \n y", "x {% if yes %} y {% endif %} z",
        "{% if yes -%}\n   x   \n{%- endif %}", "  {%+ if yes %}x{% endif +%}\n y", "a  {{- name -}}  b", "a\n  {{ name }}\n  b\n", "{# c #}\nx", "  {# c #}  \nx", "a {#- c -#} b",
        "{#- c +#}\nx", "a\n   {#+ c #}\nb", "x\n", "x\n\n", "\n", "", "\r\nx\r\ny\r\n", "a\rb", "{{ 'a\r\nb' }}", "{% for i in list %}\n  {{ i }}\n{% endfor %}\n", "{% for i in list -%}\n  {{ i }}\n{%- endfor %}\n",
        "{% raw %}{{ x }} {% if %}{% endraw %}", "  {% raw -%}\n  {{ x }}\n  {%- endraw %}\n y", "  {%- raw %}\n a {% endraw -%}  \n b", "{% raw %}\na\n  {% endraw %}\nb", "{{ '{{' }} {{ '%}' }} {{ '}}' }}",
        "{{ {'a': {'b': 1}}['a']['b'] }}", "{{ {'a': {}} }}", "{%\nset x = 1\n%}{{ x }}", "\u00a0{%- if yes %} \u2003{%- endif %}x", "a\n \t{% if yes %}\t\n{% endif %}", "{% if yes %}\n\nx{% endif %}", "{ {{ name }} } {a} %} }}",
        "{{ name }}\n{{ name }}\n", "{% set a = 1 %}\n\n{% set b = 2 %}\nx", "{{ 1 -}}\n  x", "{{- 1 }}\n x", "{%if yes%}x{%endif%}", "{{name}}", "{%- if yes -%} {{- name -}} {%- endif -%}",
    ],
    "literals": [
        "{{ 1 }} {{ 1.0 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 1e16 }} {{ 123456789012345680.0 }} {{ 0.1 }} {{ 1_000 }} {{ 0x1f }} {{ 0b11 }} {{ 0o17 }}", "{{ true }} {{ True }} {{ none }} {{ None }} {{ false }}", "{{ 'a' \"b\" 'c' }}",
        "{{ 'a\\n\\t\\\\\\'\\\"\\x41\\u00e9\\U0001f600\\101\\q' }}", "{{ [1, 'a', none, true, 2.0, [], {}] }}", "{{ (1, 2) }} {{ (1,) }} {{ () }} {{ 1, 2 }}", "{{ {'a': 1, 2: 'b', none: true} }}", "{{ {1: 'a', 1.0: 'b', true: 'c'} }}",
        "{{ \"it's\" }} {{ [\"it's\", 'say \"x\"', 'both \\' \"'] }}", "{{ ['tab\\t', 'é', '\\u00a0', '\\u200b', '🙂', '\\x07'] }}", "{{ 'Zürich' 'é' }}", "{{ [1, 2,] }} {{ {'a': 1,} }}", "{{ -1 }} {{ +1 }} {{ - 2.5 }} {{ -true }}", "{{ 'a\\\nb' }}",
        "{{ 1e300 * 1e10 }} {{ -1e300 * 1e10 }}", "{{ 1.0e-5 }} {{ 0.0001 }} {{ 1e22 }} {{ 3.0 }} {{ 1/3 }}", "{{ 00 }} {{ 0_0 }}", "{{ 9223372036854775807 }}", "{{ '\\é' }}",
    ],
    "operators": [
        "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }}", "{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ -0.0 }} {{ 1e16 + 1 }}", "{{ 1 + 2 * 3 - 4 / 2 }}",
        "{{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ 'a' * 0 }} {{ 'a' * -1 }}", "{{ [1] + [2] }} {{ [1, 2] * 2 }} {{ (1,) + (2,) }}", "{{ 1 ~ 'a' ~ none ~ 2.5 ~ missing ~ [1] }}", "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ '1' == 1 }}",
        "{{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ [1, 2] < [1, 3] }} {{ (1,) < (1, 2) }} {{ 'é' > 'z' }}", "{{ 1 in list }} {{ 9 in list }} {{ 9 not in list }} {{ 'ui' in text }} {{ '' in '' }} {{ 'z' in map }} {{ 'q' in map }}",
        "{{ not 1 }} {{ not '' }} {{ not not 1 }} {{ not 1 == 2 }}", "{{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or '' or 'x' }} {{ 1 or 2 }} {{ none or false }}", "{{ 'a' if yes else 'b' }} {{ 'a' if no }}|{{ 'a' if no else 'b' if no else 'c' }}",
        "{{ [1, 2] == [1, 2] }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ (1,) == [1] }} {{ none == missing }} {{ missing == other }}", "{{ 1 != 2 }} {{ 'a' != 'a' }} {{ 3 >= 3 }} {{ 2.5 <= 2 }}", "{{ (1 + 2) * 3 }} {{ -2 ** 2 }} {{ 2 * -3 }}",
        "{{ true + true }} {{ true * 3 }} {{ false // 1 }}", "{{ '%s is %d and %.2f%%' % (name, 3, 2.345) }}", "{{ '%5s|%-5s|%05d|%x|%r' % ('a', 'b', 42, 255, 'q') }}", "{{ 'x' in ['x'] and 'y' not in 'xz' }}", "{{ 1 if no }}", "{{ 5 // 2 * 2 + 5 % 2 }}",
        "{{ 'a' ~ 1 + 2 }}", "{{ 2 + 3 ~ 'x' }}", "{{ 0.1 + 0.2 }} {{ 1e100 }} {{ 10 / 5 }}",
    ],
    "lookup": [
        "{{ map.z }} {{ map['z'] }} {{ map.a.b[1] }} {{ map.a['b'][-1] }} {{ list[0] }} {{ list[-1] }} {{ list.0 }}", "{{ messages[0].role }} {{ messages[-1]['content'] }} {{ messages[0].missing }}|{{ messages[9] }}|", "{{ map['items'] }} {{ map.items is callable }}",
        "{{ wide[1] }} {{ wide[-1] }} {{ wide[0:6] }} {{ wide[::-1] }} {{ wide[::2] }}", "{{ list[1:] }} {{ list[:1] }} {{ list[::-1] }} {{ list[-2:] }} {{ list[5:] }} {{ list[:-1] }} {{ list[0:3:2] }} {{ list[2:0:-1] }}",
        "{{ text[4:9] }} {{ text[-5:] }} {{ text[::-3] }} {{ text[100:] }}|{{ 'abc'[none:none] }}", "{{ (1, 2, 3)[1:] }} {{ range(10)[2:4]|list }} {{ range(5)[1] }}", "{{ missing }}|{{ map.missing }}|{{ list[10] }}|", "{{ messages[1:][0].role }}", "{{ {'a b': 1}['a b'] }} {{ {1: 'x'}[1] }}",
        "{{ name.upper() }}", "{{ people[0].tags[0] }} {{ people|length }}", "{{ ('a', 'b')[0] }} {{ 'abc'[1] }} {{ 'abc'.1 }}", "{{ {(1, 2): 'pair'}[1, 2] }}", "{{ map.get('z') }} {{ map.get('q') }} {{ map.get('q', 'd') }}",
        "{{ map.keys()|list }} {{ map.values()|list|length }} {{ {'a': 1}.items()|list }}", "{{ {'a': 1}.items() }} {{ {'a': 1}.keys() }} {{ {'a': 1}.values() }}", "{{ [1, 2, 1].count(1) }} {{ [5, 6].index(6) }} {{ (1, 1).count(1) }}", "{{ true[0] }}|{{ none['a'] }}|",
    ],
    "loops": [
        "{% for i in list %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.first }}/{{ loop.last }}/{{ loop.length }} {% endfor %}", "{% for i in list %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}",
        "{% for i in list %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for m in messages %}{{ loop.changed(m.role) }} {% endfor %}", "{% for i in [] %}x{% else %}none{% endfor %}", "{% for i in list if i > 5 %}x{% else %}none{% endfor %}",
        "{% for i in list if i != 1 %}{{ i }}{{ loop.index }}{{ loop.length }}{{ loop.last }} {% endfor %}", "{% for a, b in [(1, 2), (3, 4)] %}{{ a }}-{{ b }} {% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for k, v in map.items() %}{{ k }}={{ v }};{% endfor %}",
        "{% for k in map %}{{ k }} {% endfor %}", "{% for c in 'añ🙂' %}[{{ c }}]{% endfor %}", "{% for i in range(3) %}{% for j in range(2) %}{{ i }}{{ j }}{{ loop.index }} {% endfor %}{{ loop.index }}|{% endfor %}", "{% for i in list %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
        "{% for i in list %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in list %}{% if loop.index == 2 %}{% break %}{% endif %}{{ i }}{% else %}e{% endfor %}", "{% set x = 1 %}{% for i in list %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}",
        "{% for i in missing %}x{% else %}empty{% endfor %}", "{% for m in messages[::-1] %}{{ m.content }};{% endfor %}", "{% for i in list %}{% for j in list %}{% if j == 1 %}{% break %}{% endif %}{{ j }}{% endfor %};{% endfor %}",
        "{% for n in [[1, [2, []]], [3, []]] recursive %}{{ n[0] if n is not number else n }}{% endfor %}", "{% for item in [{'n': 1, 'c': [{'n': 2, 'c': []}]}] recursive %}{{ item.n }}{{ loop.depth }}[{{ loop(item.c) }}]{% endfor %}", "{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}", "{% for i in (1, 2) %}{{ i }}{% endfor %}",
        "{% for i in list %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}", "{% for i in 'ab' %}{{ loop }}{% endfor %}", "{% for x in list|sort %}{{ x }}{% endfor %}", "{% for i in list %}{{ i }}{% endfor %}{{ i }}|{{ loop }}", "{% for i in range(2) %}{% set y = i %}{% endfor %}{{ y is defined }}",
        "{% for a, b in {'x': 1}|items %}{{ a }}{{ b }}{% endfor %}", "{% for i in list %}{% set ns = namespace(v=i) %}{{ ns.v }}{% endfor %}", "{{ list }}{% for list in [1] %}{{ list }}{% endfor %}{{ list }}", "{% for i in range(3) if i is even %}{{ i }}{{ loop.nextitem }}{% endfor %}",
    ],
    "set and scopes": [
        "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}", "{% set x %}a {{ name }} b{% endset %}[{{ x }}]", "{% set x | upper | trim %} abc {% endset %}[{{ x }}]", "{% set ns = namespace(a=1) %}{% for i in list %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}",
        "{% set ns = namespace() %}{% set ns.x = 'y' %}{{ ns.x }} {{ ns.z is defined }} {{ ns['x'] }}", "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}", "{% if yes %}{% set q = 1 %}{% endif %}{{ q }}", "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}|", "{% set a = 5 %}{% with b = a %}{% set a = 6 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
        "{% filter upper %}a{{ name }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}aa{% endfilter %}", "{% set ns = namespace(a=1) %}{% set ns.a, b = 3, 4 %}{{ ns.a }}{{ b }}", "{% set x = 1 %}{% set x = x + 1 %}{{ x }}", "{% generation %}a{{ name }}{% set inner = 1 %}{% endgeneration %}{{ inner is defined }}",
        "x{% generation %}\n  y\n{% endgeneration %}\nz", "{% set messages = messages[1:] %}{{ messages|length }}", "{% set x = namespace %}{{ x(a=1).a }}", "{% set _ = 1 %}{{ _ }}", "{% print name, 1 %}", "{% set ns = namespace(a=[]) %}{% for i in list %}{% set ns.a = ns.a + [i] %}{% endfor %}{{ ns.a }}",
        "{% if no %}a{% elif number > 6 %}b{% else %}c{% endif %}", "{% if missing %}a{% elif nothing %}b{% elif zero %}c{% else %}d{% endif %}", "{% if list %}l{% endif %}{% if empty %}e{% endif %}{% if {} %}d{% endif %}{% if 0.0 %}f{% endif %}", "{% block content %}a{{ name }}{% endblock %}", "{% block content %}a{% endblock content %}",
        "{% autoescape false %}{{ '<' }}{% endautoescape %}", "{{ namespace(a=1) }} {{ namespace().a }}|", "{% set d = dict(a=1, b=2) %}{{ d }} {{ dict([('x', 1)]) }} {{ dict({'a': 1}, b=2) }}",
    ],
    "macros": [
        "{% set x = 'o' %}{% for n in [[]] recursive %}{% set x = 'i' %}{{ x }}{{ loop([]) }}{% else %}{{ x }}{% endfor %}", 
        "{% macro m(a, b=2, c=b) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(a=4, c=5) }}", "{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m() }}{{ m(none) }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}", "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in{% endcall %}",
        "{% macro m() %}<{{ caller(1, 2) }}>{% endmacro %}{% call(a, b) m() %}{{ a + b }}{% endcall %}", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "{% macro m() %}{{ y }}{% endmacro %}{% set y = 3 %}{{ m() }}{% set y = 4 %}{{ m() }}",
        "{% macro m(x) %}{% set name = x %}{{ name }}{% endmacro %}{{ m(1) }}{{ name }}", "{% macro m() %}  x  {% endmacro %}[{{ m() | trim }}]{{ m()|length }}", "{% macro m() %}{% endmacro %}{{ m }} {{ m.name }}", "{{ m is defined }}{% macro m() %}{% endmacro %}{{ m is defined }} {{ m is callable }}",
        "{% macro m(a) -%}\n  {{ a }}\n{%- endmacro %}{{ m('x') ~ m('y') }}", "{% for i in list %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}", "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}",
        "{% macro m(x) %}{% if x is defined %}d{% else %}u{% endif %}{% endmacro %}{{ m() }}{{ m(1) }}", "{% macro m(items=[]) %}{{ items }}{% endmacro %}{{ m() }}{{ m([1]) }}", "{% macro m(x) %}{{ x }}{% endmacro %}{{ 'a' + m('b') }}", "{% macro m() %}{{ messages[0].role }}{% endmacro %}{{ m() }}",
    ],
    "tests": [
        "{{ name is defined }} {{ missing is defined }} {{ missing is undefined }} {{ map.q is defined }} {{ nothing is defined }}", "{{ nothing is none }} {{ missing is none }} {{ 0 is none }}", "{{ 'a' is string }} {{ 1 is string }} {{ missing is string }}", "{{ map is mapping }} {{ list is mapping }}",
        "{{ list is iterable }} {{ 'a' is iterable }} {{ 1 is iterable }} {{ map is iterable }} {{ missing is iterable }} {{ nothing is iterable }}", "{{ list is sequence }} {{ 'a' is sequence }} {{ map is sequence }} {{ 1 is sequence }} {{ (1,) is sequence }} {{ range(2) is sequence }} {{ map.items() is sequence }}",
        "{{ 1 is number }} {{ 1.5 is number }} {{ true is number }} {{ 'a' is number }}", "{{ 1 is integer }} {{ true is integer }} {{ 1.0 is integer }} {{ 1.0 is float }} {{ 1 is float }}", "{{ true is boolean }} {{ 1 is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }}",
        "{{ 1 is odd }} {{ 2 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }}", "{{ 1 is equalto 1 }} {{ 1 is eq(2) }} {{ 'a' is ne 'b' }} {{ 3 is gt 2 }} {{ 3 is lt(2) }} {{ 3 is ge 3 }} {{ 3 is le 2 }} {{ 1 is sameas 1 }} {{ 3 is greaterthan 2 }}",
        "{{ 1 is in [1] }} {{ 'a' is in 'abc' }} {{ 4 is not in list }}", "{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'aBc' is lower }} {{ '1' is upper }}", "{{ name is not defined }} {{ not name is defined }} {{ missing is not none }}", "{{ name is defined and name is string or no }}", "{{ range is callable }} {{ name is callable }}",
        "{{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ 'nope' is test }}", "{{ ('a'|safe) is escaped }} {{ 'a' is escaped }}", "{{ name is string if yes else 'x' }}", "{{ (name is string) if yes else 'x' }}", "{{ messages is defined and messages is not none }}", "{% if message is not string and message is not mapping %}x{% endif %}", "{{ [] is sameas [] }} {{ none is sameas none }}",
        "{{ false is none }} {{ (list|map('string')) is iterable }} {{ (list|map('string')) is sequence }} {{ dict is callable }}",
    ],
    "text filters": [
        "[{{ '  a b ' | trim }}] [{{ 'xxaxx' | trim('x') }}] [{{ 5 | trim }}] [{{ none | trim }}] [{{ missing | trim }}]", "{{ wide | upper }} {{ 'ÀÉ' | lower }} {{ 'straße' | upper }} {{ 'İ' | lower | length }}", "{{ 'hello wORLD-foo (bar) [x] it\\'s' | title }} {{ 'ǆ ß' | title }}", "{{ 'hELLO wORLD' | capitalize }} {{ 'ßa' | capitalize }}",
        "{{ 'aXbXc' | replace('X', '-') }} {{ 'aXbXc' | replace('X', '-', 1) }} {{ 'abc' | replace('', '.') }} {{ 12 | replace(1, 3) }}", "{{ 'a\\nb\\n\\nc' | indent }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'a\\n\\nb' | indent(2, blank=true) }}|{{ 'a\\nb' | indent('> ') }}|{{ 'a\\n' | indent }}|",
        "{{ list | join(', ') }} {{ list | join }} {{ people | join('/', attribute='name') }} {{ 'abc' | join('-') }} {{ [1, none, 'x'] | join(' ') }}|{{ missing | join(',') }}", "{{ '<a href=\"x\">\\'&' | e }} {{ '<' | escape }} {{ 5 | e }}", "{{ ('<' | e) + '<' }} {{ '<' + ('<' | safe) }} {{ '<' | safe ~ '<' }} {{ ('<'|safe) * 2 }}", "{{ '<' | e | e }} {{ '<' | e | forceescape }}",
        "{{ '%s-%s' | format(1, 'b') }} {{ '%(a)s' | format(a=1) }}", "{{ 'abc' | length }} {{ wide | length }} {{ list | count }} {{ map | length }} {{ missing | length }} {{ '' | length }} {{ range(4)|length }}", "{{ 'abc' | reverse }} {{ list | reverse | list }} {{ map|reverse|list }}", "{{ 'abcdefghij klm' | truncate(8, leeway=0) }} {{ 'abcdefghij klm' | truncate(8, true, '', 0) }} {{ 'abc' | truncate(3) }}",
        "{{ text | wordcount }} [{{ 'a' | center(5) }}]", "{{ 'a b/ü' | urlencode }}", "{{ 5 | string + 'a' }} {{ none | string }} {{ 1.0 | string }} {{ [1] | string }} {{ true|string }}", "{{ name | string | upper | lower | title }}", "{{ 'abc' | first }} {{ 'abc' | last }} {{ 'abc' | list }}", "{{ 'a,b' | replace(',', '\\n') | indent(1) }}",
        "{{ 'x' | attr('upper') is callable }} {{ map | attr('z') is defined }}",
    ],
    "number filters": [
        "{{ '12' | int }} {{ ' -3 ' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ 3.9 | int }} {{ '3.9' | int }} {{ 'ff' | int(base=16) }} {{ none | int }} {{ true | int }} {{ '1_000'|int }} {{ '0x1f'|int(0, 16) }} {{ ''|int }} {{ -3.9|int }}", "{{ '1.5' | float }} {{ 'x' | float }} {{ 'x' | float(2.0) }} {{ 3 | float }} {{ '1e3' | float }} {{ 'inf' | float }} {{ none|float }} {{ '.5'|float }} {{ '5.'|float }}",
        "{{ -5 | abs }} {{ -2.5 | abs }} {{ true | abs }}", "{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.345 | round(2) }} {{ 2.7 | round | int }} {{ 2.3 | round(method='ceil') }} {{ 2.789 | round(1, 'floor') }} {{ 5 | round }} {{ 0.5|round }} {{ 1234.5|round(-2) }} {{ -2.5|round }}",
        "{{ list | min }} {{ list | max }} {{ words | min }} {{ words | max }} {{ [] | min }}| {{ people | max(attribute='age') }}", "{{ list | sum }} {{ people | sum(attribute='age') }} {{ [] | sum }} {{ [1.5, 2] | sum }} {{ list | sum(start=10) }} {{ [[1], [2]]|sum(start=[]) }}", "{{ words|min(case_sensitive=true) }} {{ [3, 1.5, true]|min }}",
    ],
    "list filters": [
        "{{ list | sort }} {{ list | sort(reverse=true) }} {{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ people | sort(attribute='age') | map(attribute='name') | list }} {{ people | sort(attribute='age,name', reverse=true) | map(attribute='name') | join(' ') }}", "{{ [1, 2, 1, 3, 2] | unique | list }} {{ words | unique | list }} {{ words | unique(case_sensitive=true) | list }} {{ people | unique(attribute='age') | map(attribute='name') | list }}",
        "{{ list | first }} {{ list | last }} {{ [] | first }}|{{ [] | last }}|{{ missing | first }}|{{ map | first }} {{ map | last }}", "{{ people | map(attribute='name') | list }} {{ words | map('upper') | list }} {{ people | map(attribute='tags', default='-') | list }} {{ list | map('string') | join }} {{ ['a b', 'c'] | map('replace', 'a', 'x') | list }}", "{{ people | map(attribute='tags.0') | list }}",
        "{{ list | select('odd') | list }} {{ list | select('gt', 1) | list }} {{ [0, 1, '', 'a'] | select | list }} {{ list | reject('odd') | list }} {{ [0, 1] | reject | list }} {{ ['a', 1] | select('string') | list }}", "{{ people | selectattr('age', 'equalto', 3) | map(attribute='name') | list }} {{ people | selectattr('tags') | list | length }} {{ people | rejectattr('tags') | map(attribute='name') | list }} {{ people | rejectattr('age', 'gt', 4) | list | length }} {{ people | selectattr('tags', 'defined') | list | length }}",
        "{{ messages | selectattr('role', 'eq', 'user') | map(attribute='content') | join('|') }}", "{{ {'b': 1, 'A': 2, 'c': 0} | dictsort }} {{ {'b': 1, 'A': 2} | dictsort(true) }} {{ {'b': 1, 'A': 2, 'c': 0} | dictsort(by='value') }} {{ {'b': 1, 'a': 2} | dictsort(reverse=true) }}", "{{ map | items | list }} {{ missing | items | list }}", "{{ map | list }} {{ (1, 2) | list }} {{ missing | list }} {{ range(3) | list }}",
        "{{ missing | default('d') }} {{ empty | default('d') }}|{{ empty | default('d', true) }} {{ nothing | d('x') }} {{ nothing | d('x', true) }} {{ missing | d }}| {{ map.q.r if map.q is defined else 'n' }}", "{{ [1, 2, 3, 4, 5] | batch(2) | list }} {{ [1, 2, 3] | batch(2, '-') | list }} {{ [1, 2, 3, 4, 5] | slice(3) | list }} {{ [1, 2, 3] | slice(2, '-') | list }}",
        "{% for g, items in people | groupby('age') %}{{ g }}:{{ items | map(attribute='name') | join(',') }};{% endfor %}", "{{ words | map('length') | sum }} {{ words | map('lower') | unique | list }}", "{% set g = list | map('string') %}{{ g | join }}|{{ g | join }}|", "{{ [[1, 2], [3]] | sum(start=[]) }} {{ ['x', 'y'] | select('in', ['y', 'z']) | list }}",
        "{{ [{'a': {'b': 2}}, {'a': {'b': 1}}] | sort(attribute='a.b') | map(attribute='a.b') | list }}", "{{ [true, false, 2] | sort }} {{ ['b', 'a'] | sort | first }}", "{{ builtin_tools | default([]) | reject('equalto', 'x') | join(', ') }}", "{{ ['x', 'y'] | reject('equalto', 'x') | join(', ') }}", "{{ 'a' if 'x' in (list | map('string') | list) else 'b' }}",
    ],
    "tojson": [
        "{{ map | tojson }}", "{{ map | tojson(indent=2) }}", "{{ map | tojson(indent=4) }}", "{{ odd | tojson }}", "{{ odd | tojson(ensure_ascii=true) }}", "{{ [1, 1.0, 1e20, true, none, 'x', [], {}, [[]]] | tojson }}", "{{ [1, [], {}, {'a': []}] | tojson(indent=1) }}", "{{ messages | tojson(indent=0) }}", "{{ {1: 'a', none: 2, true: 3, 1.5: 4} | tojson }}",
        "{{ (1, 2) | tojson }} {{ 'é\\n\"' | tojson }} {{ 5 | tojson }}", "{{ map | tojson(separators=(',', ':')) }} {{ map | tojson(sort_keys=true) }}", "{{ [] | tojson(indent=2) }} {{ {} | tojson(indent=2) }}", "{{ 'a<b>&\\'' | tojson }}", "{{ map | tojson(indent='\\t') }}", "{{ ('inf' | float) | tojson }} {{ -0.0 | tojson }} {{ 1e-7 | tojson }}",
        "{{ wide | tojson(true) }}", "{{ '\\u2028\\x7f\\x1f' | tojson }}", "{{ {'a': 1, 'b': {'c': [1, {'d': none}]}} | tojson(indent=3) }}",
    ],
    "text methods": [
        "[{{ '  a '.strip() }}] [{{ 'xaxb'.strip('xb') }}] [{{ '  a '.lstrip() }}] [{{ '\\n\\na\\n'.lstrip('\\n') }}] [{{ 'a\\n\\n'.rstrip('\\n') }}] [{{ 'éaé'.strip('é') }}] [{{ ' a '.strip(none) }}] [{{ '\\u2003a\\x1c'.strip() }}]", "{{ 'a b  c'.split() }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a b '.split(' ') }} {{ ''.split() }} {{ ''.split(',') }} {{ ' a  b c '.split(none, 1) }}",
        "{{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b  c '.rsplit(none, 1) }} {{ 'a b c'.rsplit() }} {{ 'aaa'.rsplit('aa', 1) }} {{ ' a b '.rsplit(none, 0) }}", "{{ 'a\\nb\\r\\nc\\n'.splitlines() }} {{ 'a\\nb\\n'.splitlines(true) }} {{ ''.splitlines() }}", "{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith('bc') }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.startswith('b', 1) }} {{ 'abc'.endswith('') }} {{ ''.startswith('a') }}",
        "{{ 'abab'.replace('a', 'x') }} {{ 'abab'.replace('a', 'x', 1) }} {{ 'ab'.replace('', '-') }} {{ 'ab'.replace('', '-', 2) }} {{ 'ab'.replace('c', 'd') }} {{ ''.replace('', 'x') }} {{ 'aa'.replace('a', 'b', 0) }}", "{{ 'aB ç'.upper() }} {{ 'ÀB'.lower() }} {{ 'hello wORLD it\\'s ﬁn'.title() }} {{ 'hELLO'.capitalize() }} {{ ''.capitalize() }}", "{{ '-'.join(['a', 'b']) }} {{ ','.join([]) }} {{ ''.join(words) }} {{ '-'.join('abc') }}",
        "{{ wide.find('東') }} {{ 'abcabc'.find('c', 3) }} {{ 'abc'.find('x') }} {{ 'abcabc'.rfind('b') }} {{ 'abc'.index('c') }} {{ 'aaa'.count('aa') }} {{ 'aaa'.count('') }} {{ 'abc'.find('') }}", "{{ '{} {}'.format(1, 'a') }} {{ '{0}{1}{0}'.format('a', 'b') }} {{ '{a}'.format(a=5) }} {{ '{{}}'.format() }} {{ '{!r}'.format('x') }}", "{{ 'abc'.isupper() }} {{ 'ABC'.isupper() }} {{ '12'.isdigit() }} {{ 'ab1'.isalnum() }} {{ 'ab'.isalpha() }} {{ ' '.isspace() }} {{ ''.isdigit() }} {{ '²'.isdigit() }} {{ '½'.isalnum() }}",
        "{{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.partition('-') }} {{ 'abc'.rpartition('-') }}", "{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }} {{ 'abc'.removeprefix('x') }}", "[{{ 'a'.ljust(3) }}] [{{ 'a'.rjust(3, '.') }}] [{{ 'ab'.center(5, '*') }}] [{{ 'a'.center(4) }}] {{ '-5'.zfill(4) }} {{ '5'.zfill(3) }}",
        "{{ 'a</think>b'.split('</think>')[-1].lstrip('\\n') }} {{ ('x' ~ 'y').upper() }} {{ messages[0].content.strip() }}", "{{ 'ΑΣ'.lower() }} {{ 'ŉ'.upper() }}", "{{ 'a' 'b'.upper() }} {{ name.lower().upper()[0] }}",
    ],
    "functions": [
        "{{ range(3) | list }} {{ range(1, 4) | list }} {{ range(5, 0, -2) | list }} {{ range(0) | list }} {{ range(3) }} {{ range(1, 9, 2) }}", "{{ strftime_now('%Y') }}", "{% set j = joiner(', ') %}{% for i in list %}{{ j() }}{{ i }}{% endfor %}", "{{ dict(a=1)['a'] }} {{ dict() }}", "{% set f = 'abc'.upper %}{{ f() }}", "{{ raise_exception is defined }} {{ strftime_now is defined }} {{ raise_exception is callable }}", "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}none{% endif %}", "{{ (messages|length - 1) - 0 }} {{ 10 in range(11) }}",
    ],
    "errors while rendering": [
        "{{ raise_exception('Stop: ' ~ name) }}", "{{ missing.x }}", "{{ map.missing.x }}", "{{ messages[0].missing.x }}", "{{ list[9].x }}", "{{ nothing.x.y }}", "{{ name.x.y }}", "{{ missing() }}", "{{ name() }}", "{{ list[0]() }}", "{{ missing + 'a' }}", "{{ 'a' + missing }}", "{{ 'a' + 1 }}", "{{ 1 + 'a' }}", "{{ 'a' + none }}", "{{ none + 'a' }}", "{{ [1] + 'a' }}", "{{ 'a' + [1] }}", "{{ 'a' - 'b' }}", "{{ {} + {} }}", "{{ 'a' * 'b' }}", "{{ [] * [] }}", "{{ 'a' ** 2 }}",
        "{{ 1 // 0 }}", "{{ 1 / 0 }}", "{{ 1 % 0 }}", "{{ 1.0 / 0 }}", "{{ -'a' }}", "{{ -missing }}", "{{ 1 < 'a' }}", "{{ 'a' > 1 }}", "{{ none < 1 }}", "{{ [1] <= 'a' }}", "{{ missing < 1 }}", "{{ 1 >= missing }}", "{{ 1 in 'a' }}", "{{ missing in 'a' }}", "{{ 'a' in 1 }}", "{{ 'a' in none }}", "{% for i in 5 %}{% endfor %}", "{% for i in none %}{% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{% for a, b in [[1]] %}{% endfor %}", "{% for a, b in ['abc'] %}{% endfor %}", "{% set a, b = 1 %}",
        "{{ missing | tojson }}", "{{ [missing] | tojson }}", "{{ (list | map('string')) | tojson }}", "{{ range(2) | tojson }}", "{{ {(1, 2): 3} | tojson }}", "{{ namespace() | tojson }}", "{{ map.items() | tojson }}", "{{ 5 | length }}", "{{ none | length }}", "{{ (list | map('string')) | length }}", "{{ 5 | join }}", "{{ 5 | list }}", "{{ none | items | list }}", "{{ list | items | list }}", "{{ 5 | first }}", "{{ 5 | last }}",
        "{{ [1, 'a'] | sort }}", "{{ [none, 1] | sort }}", "{{ ['a', 1] | sum }}", "{{ 'a' | abs }}", "{{ missing | int }}", "{{ 'a' | round }}", "{{ list | map | list }}", "{{ list | map('nope') | list }}", "{{ list | select('nope') | list }}", "{% set x = 1 %}{% set x.y = 2 %}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}", "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m(none) }}{{ m(missing).x.y }}",
        "{{ 'a'.join([1]) }}", "{{ ','.join(5) }}", "{{ 'a'.split('') }}", "{{ 'a'.index('x') }}", "{{ 'abc'.strip(1) }}", "{{ list.append(4) }}", "{{ map.update({}) }}", "{{ map.pop('z') }}", "{{ ''.__class__.__mro__ }}", "{{ list.__class__() }}", "{{ name.nope() }}", "{{ map.nope() }}", "{{ messages.nope() }}", "{{ loop.index }}", "{% for i in list %}{{ loop([1]) }}{% endfor %}", "{% if yes %}{{ 1 is nope }}{% endif %}", "{% for i in list %}{% if yes %}{{ 1 | nope }}{% endif %}{% endfor %}", "{% if no %}{% for i in list %}{{ 1 | nope }}{% endfor %}{% endif %}", "{{ range(1000000) }}", "{{ range() }}", "{{ range(1, 2, 0) }}", "{{ {[]: 1} }}", "{{ [] in {} }}", "{{ nothing[0:1] }}", "{{ number[1:] }}", "{{ list['a':] }}", "{{ list[::0] }}", "{{ missing[0] }}", "{{ missing['a'] }}", "{{ none[0].x }}", "{{ nothing['a'].x }}", "{{ true.x.y }}", "{{ real.x.y }}", "{{ (1, 2)[5].x }}", "{{ namespace(a=1).b.c }}", "{{ m.x }}{% macro m() %}{% endmacro %}", "{% macro m() %}{% endmacro %}{{ m.x.y }}", "{{ ('a'|safe).x.y }}",
        "{{ {'a': 1}['b'].c }}", "{{ '%d' % 'a' }}", "{{ '%s' % () }}", "{{ '%s' % (1, 2) }}", "{{ 'x'.startswith(1) }}", "{{ missing | upper | float + 'a' }}", "{{ people | sum(attribute='nope') }}", "{{ people | map(attribute='nope.x') | list }}", "{{ people|sort(attribute='nope') }}", "{{ [] | min + 1 }}", "{{ ([] | first).x }}", "{{ (1 if no).x }}", "{% for i in list %}{{ loop.nope.x }}{% endfor %}", "{% for i in list %}{{ loop.previtem.x }}{% endfor %}", "{% for i in list %}{{ loop.cycle() }}{% endfor %}", "{{ x is divisibleby 3 }}", "{{ 3 is divisibleby 0 }}", "{{ 'a' is gt 1 }}", "{% if yes %}{{ 1 | nope }}{% endif %}", "{% if no %}{{ 1 | nope }}{% endif %}fine", "{{ (1 | nope) if no else 'fine' }}", "{{ 1 is nope if no else 'fine' }}", "{{ raise_exception(5) }}", "{{ {}|dictsort(by='x') }}", "{{ 5 | round(method='x') }}", "{% set ns = namespace(a=1) %}{{ ns.a.b.c }}", "{{ 'a'.replace('b') }}", "{{ dict(1) }}",
    ],
    "syntax errors": [
        "{% if %}", "{% if yes %}", "{% for %}", "{% for i in list %}", "{% endif %}", "{% else %}", "{% nope %}", "{% for i in list %}{% endif %}", "{% if yes %}{% endfor %}", "{{ 1 + }}", "{{ }}", "{{ 1", "{% set x %}", "{% set x = %}", "{{ 'abc }}", "{{ a b }}", "{{ (1, 2 }}", "{{ 1) }}", "{{ [1, 2 }}", "{{ {'a' 1} }}", "{{ a. }}", "{{ a.'b' }}", "{{ x | }}", "{{ x | nope }}", "{{ x is nope }}", "{{ x is }}", "{# abc", "{% raw %} abc", "{{ ! }}", "{{ a ? b }}", "{{ 1 is odd is even }}", "{{ f(a=1, 2) }}", "{{ f(**a, b) }}", "{% set 1 = 2 %}", "{% set none = 2 %}", "{% for 1 in list %}{% endfor %}", "{% macro m %}{% endmacro %}",
        "{% macro m(a=1, b) %}{% endmacro %}", "{% call x %}{% endcall %}", "{% block a-b %}{% endblock %}", "{% 5 %}", "{% %}", "{{ '\\x4' }}", "{{ '\\u12' }}", "a\n\n{% if x %}\nb\n{% elsif y %}\n{% endif %}", "{% for i in list %}{% if i %}{% endfor %}", "{% macro m() %}{% if x %}{% endmacro %}", "{{ x[1 }}", "{{ @ }}", "é{{ $ }}", "{% set x = 1", "{{ a = 1 }}", "{% filter %}{% endfilter %}", "{% filter nope %}{% endfilter %}", "{% do x %}", "{{ not }}", "{{ x if }}", "{% if a %}{% else %}{% elif b %}{% endif %}", "{% with a %}{% endwith %}", "{{ x.1a }}", "{{ 'a' if }}", "{% set (a, 1) = 2 %}", "{{ * }}", "{{ -}}", "{{ x[] }}", "{% for i in %}{% endfor %}", "{% for i list %}{% endfor %}", "{% if x %}{{ y }{% endif %}", "{{ x }",
    ],
}

CONTEXTS = [  # claims with a context of their own
    ("own context", "{{ messages }}", {}), ("own context", "{{ bos_token }}{{ messages[0] | tojson }}", {"bos_token": "<s>", "messages": [{"role": "user", "content": "x", "a": 1}]}),
    ("own context", "{{ range }} {{ namespace }}", {"range": "mine", "namespace": 5}), ("own context", "{{ x.content | default('none given') }}", {"x": {"content": None}}), ("own context", "{{ x['content'] is string }}{{ x.content is iterable }}", {"x": {"content": [{"type": "text", "text": "t"}]}}),
    ("own context", "{% for c in x.content %}{{ c.text if c.type == 'text' else raise_exception('only text') }}{% endfor %}", {"x": {"content": [{"type": "text", "text": "t"}, {"type": "image"}]}}), ("own context", "{{ x }}", {"x": {"b": 1, "a": [True, None, 1.5, "é'"]}}),
    ("own context", "{{ x | tojson }}", {"x": {"b": -1, "a": 12345678901234567, "c": 1e-9, "d": 1e17}}), ("own context", "{{ messages[0]['content'] + eos_token }}", {"messages": [{"content": ["list"]}], "eos_token": "</s>"}), ("own context", "{{ messages[0].content + eos_token }}", {"messages": [{"content": None}], "eos_token": "</s>"}),
    ("own context", "{{ 'x' + messages[0].content }}", {"messages": [{"role": "user"}]}), ("own context", "{{ messages[0].role == 'system' }}", {"messages": []}), ("own context", "{{ messages[0]['role'] == 'system' }}", {"messages": []}), ("own context", "{{ messages[0]['role'] == 'system' }}", {"messages": None}), ("own context", "{% for m in messages %}{% endfor %}", {"messages": 3}), ("own context", "{{ messages[0]['role'] }}", {"messages": ["text"]}), ("own context", "{{ messages[0].content.strip() }}", {"messages": [{"content": 3}]}), ("own context", "{{ messages[0].content.strip() }}", {"messages": [{}]}), ("own context", "{{ messages[0].content | trim }}", {"messages": [{"content": ["x"]}]}), ("own context", "{{ tools | length }}{{ tools is none }}", {"tools": None}),
]


TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather <now> & later.", "parameters": {"type": "object", "properties": {
    "city": {"type": "string", "description": "The city."}, "unit": {"type": "string", "enum": ["C", "F"], "default": "C"}, "days": {"type": ["integer", "null"]},
    "tags": {"type": "array", "items": {"type": "string"}}, "more": {"type": "object", "additionalProperties": {"type": "number"}}}, "required": ["city"]},
    "return": {"type": "string", "description": "A text."}}}
BARE = {"type": "function", "function": {"name": "noop", "description": "Nothing.", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "abcdefghi", "type": "function", "function": {"name": "get_weather", "arguments": {"unit": "C", "city": "Zürich"}}}
TEXT_CALL = {"id": "123456789", "type": "function", "function": {"name": "noop", "arguments": "{}"}}
ASK = {"role": "user", "content": "Weather in Zürich?"}
SYSTEM = {"role": "system", "content": "  Be /no_think brief.\n"}
RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "abcdefghi", "content": "21 °C"}
CHATS = [
    {"messages": [ASK], "tools": [TOOL]}, {"messages": [SYSTEM, ASK], "tools": [TOOL, BARE], "add_generation_prompt": True},
    {"messages": [SYSTEM, ASK, {"role": "assistant", "content": "", "tool_calls": [CALL]}, RESULT, {"role": "assistant", "content": "Warm."}, {"role": "user", "content": "Thanks"}], "tools": [TOOL], "add_generation_prompt": True},
    {"messages": [ASK, {"role": "assistant", "tool_calls": [CALL]}, RESULT], "tools": [TOOL], "add_generation_prompt": True}, {"messages": [ASK, {"role": "assistant", "content": None, "tool_calls": [CALL, TEXT_CALL]}, RESULT, RESULT], "tools": [TOOL]},
    {"messages": [ASK, {"role": "assistant", "content": "<think>\nHm\n</think>\n\nWarm."}, {"role": "user", "content": "Sure?"}], "add_generation_prompt": True}, {"messages": [ASK, {"role": "assistant", "content": "<think>\nHm\n</think>\n\nWarm."}]},
    {"messages": [ASK, {"role": "assistant", "content": "Warm.", "reasoning_content": "Hm", "thinking": "Hm"}, {"role": "user", "content": "Sure?"}, {"role": "assistant", "content": "Yes", "reasoning_content": "So", "thinking": "So"}]},
    {"messages": [ASK], "add_generation_prompt": True, "enable_thinking": False}, {"messages": [ASK], "add_generation_prompt": True, "enable_thinking": True, "thinking": True}, {"messages": [ASK], "add_generation_prompt": True, "documents": [{"doc_id": 1, "title": "T", "text": "D"}], "controls": {"citations": True}},
    {"messages": [ASK, ASK]}, {"messages": [SYSTEM]}, {"messages": []}, {}, {"messages": None}, {"messages": [{"role": "user"}]}, {"messages": [{"content": "x"}]}, {"messages": [{"role": "user", "content": None}]}, {"messages": [{"role": "user", "content": 5}]}, {"messages": ["text"]}, {"messages": "text"}, {"messages": [{"role": "strange", "content": "x"}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "part"}]}]}, {"messages": [{"role": "developer", "content": "d"}, ASK], "reasoning_effort": "high", "builtin_tools": ["browser", "python"], "add_generation_prompt": True}, {"messages": [SYSTEM, ASK], "builtin_tools": ["code_interpreter", "search"], "tools": None},
    {"messages": [SYSTEM, ASK], "custom_tools": [TOOL], "tools_in_user_message": False, "date_string": "1 May"}, {"messages": [SYSTEM], "custom_tools": [TOOL]}, {"messages": [ASK, {"role": "tool", "content": {"b": 1, "a": [None, 1.50]}}, {"role": "ipython", "content": ["x"]}]}, {"messages": [ASK, RESULT]},
    {"messages": [ASK, {"role": "assistant", "content": "x<|channel|>final<|message|>"}]}, {"messages": [ASK, {"role": "assistant", "content": "a", "thinking": "b", "tool_calls": [CALL]}]}, {"messages": [ASK, {"role": "assistant", "thinking": "b", "tool_calls": [CALL]}, RESULT, {"role": "assistant", "content": "Warm."}], "model_identity": "Me."},
]


def main():
    env = environment()
    out = []

    def add(group, template, context):
        claim = {"group": group, "template": template}
        if context is not CONTEXT:
            claim["context"] = context
        try:
            claim["rendered"] = env.from_string(template).render(**context)
        except Exception as error:  # whatever Jinja2 or Python raises is what the user is told
            claim["error"] = str(error)
        out.append(claim)

    for group, templates in CLAIMS.items():
        for template in templates:
            add(group, template, CONTEXT)
    for group, template, context in CONTEXTS:
        add(group, template, context)
    chats = []
    for path in sorted((pathlib.Path(__file__).parent / "golden" / "chat").glob("*.json")):
        template = env.from_string(json.loads(path.read_text())["template"])
        for context in CHATS:
            chat = {"name": path.stem, "context": {**context, "bos_token": "<s>", "eos_token": "</s>"}}
            try:
                chat["rendered"] = template.render(**chat["context"])
            except Exception as error:
                chat["error"] = str(error)
            chats.append(chat)
    chats = ",\n".join(json.dumps(chat, ensure_ascii=False) for chat in chats)
    claims = ",\n".join(json.dumps(claim, ensure_ascii=False) for claim in out)
    print('{"context": ' + json.dumps(CONTEXT, ensure_ascii=False) + ',\n"claims": [\n' + claims + '\n],\n"chats": [\n' + chats + "\n]}")


main()
