"""Just enough reading of C++ for the checks: text without comments and literals, and where functions begin and end.

It relies on the tree being formatted by clang-format: the brace of a body stands after a space, the brace of an
initialiser after the name it initialises.
"""
import collections
import re

Function = collections.namedtuple('Function', 'name line lines parameters')
Interface = collections.namedtuple('Interface', 'name line methods')

_SKIP = re.compile(r'''
    //[^\n]*                                     # comment to the end of the line
  | /\*.*?\*/                                    # comment
  | R"(?P<tag>[^()\\ ]{0,16})\(.*?\)(?P=tag)"    # raw string
  | "(?:\\.|[^"\\\n])*"                          # string
  | (?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'         # character, but not the separator in 1'000
''', re.X | re.S)


def code_only(text):
    """The text with comments blanked and literals emptied; every character keeps its line."""
    def blank(match):
        found = match.group(0)
        newlines = '\n' * found.count('\n')
        if found.startswith('/'):
            return ' ' + newlines
        return ('""' if found[-1] == '"' else "' '") + newlines
    return _SKIP.sub(blank, text)


_CONTROL = re.compile(r'^(if|for|while|switch|catch|do|else|try|return)\b')
_TYPE = re.compile(r'\b(class|struct|union|enum)\b(?![^{]*\))')
_NAME = re.compile(r'([~\w:]+|operator\s*[^\s\w(]+|operator\(\)|operator bool)\s*$')


def _matching(text, start, opening, closing):
    depth = 0
    for index in range(start, len(text)):
        if text[index] == opening:
            depth += 1
        elif text[index] == closing:
            depth -= 1
            if depth == 0:
                return index
    return -1


def _strip_template(head):
    """Without a leading template<...> and requires clause."""
    head = head.strip()
    while head.startswith('template'):
        start = head.find('<')
        end = _matching(head, start, '<', '>') if start >= 0 else -1
        if end < 0:
            return head
        head = head[end + 1:].strip()
    return head


def count_parameters(text):
    """Of the text between the parentheses of a parameter list."""
    text = text.strip()
    if not text or text == 'void':
        return 0
    depth, count, previous = 0, 1, ''
    for index, char in enumerate(text):
        if char in '([{' or (char == '<' and re.match(r'[\w>]', previous)):
            depth += 1
        elif char in ')]}' or (char == '>' and previous != '-' and depth > 0):
            depth -= 1
        elif char == ',' and depth == 0:
            count += 1
        previous = char
    return count


def _after_access(head):
    return re.sub(r'^((public|private|protected)\s*:\s*)+', '', head.strip())


def _signature(head):
    """(name, number of parameters) when the head declares a function; else None."""
    head = _after_access(head)
    head = _strip_template(re.sub(r'#[^\n]*\n', '\n', head))
    head = re.sub(r'\[\[\w+(\(.*?\))?\]\]', '', head).strip()
    if not head or _CONTROL.match(head) or head.startswith(('using ', 'typedef ', 'static_assert', 'friend class')):
        return None
    start = head.find('(')
    while start > 0 and head[:start].rstrip().endswith('operator'):
        start = head.find('(', start + 1)
    equals = head.find('=')
    if start <= 0 or (0 <= equals < start and 'operator' not in head[:start]):
        return None
    name = _NAME.search(head[:start])
    before = head[:start].strip()
    if not name or name.group(1) in ('void', 'int', 'bool') or re.fullmatch(r'[A-Z][A-Z0-9_]+', before):  # a macro such as TEST
        return (before, 0) if name and before.startswith('TEST') else None
    end = _matching(head, start, '(', ')')
    if end < 0:
        return None
    parameters = head[start + 1:end]
    # The shape of a C library's callback, which ends with the caller's own pointer, is not ours to choose.
    callback = re.search(r',\s*void\s*\*\s*\w*\s*$', parameters)
    return name.group(1), 0 if callback else count_parameters(parameters)


def _preprocessor_blanked(code):
    return re.sub(r'^[ \t]*#(?:[^\n\\]|\\\n|\\.)*', lambda m: '\n' * m.group(0).count('\n'), code, flags=re.M)


def functions(code):
    """(bodies, declarations, interfaces) of a text that code_only returned. Lambdas count as part of what holds them."""
    code = _preprocessor_blanked(code)
    bodies, declarations, interfaces = [], [], []
    stack = []  # [kind, start of text, line, signature, pure virtual methods, name]
    head_start, line, index, parens = 0, 1, 0, 0
    while index < len(code):
        char = code[index]
        if char == '\n':
            line += 1
        elif char == '(':
            parens += 1
        elif char == ')':
            parens -= 1
        inside = stack and stack[-1][0] == 'body'
        if char == '{':
            head = code[head_start:index]
            kind, signature = 'other', None
            if not inside and parens == 0:
                opens_body = index > 0 and code[index - 1] in ' \n' and not head.rstrip().endswith(('=', ',', 'return'))
                if re.match(r'\s*(inline\s+)?(namespace|extern)\b', head):
                    kind = 'scope'
                elif opens_body and _TYPE.search(head):
                    kind = 'type'
                elif opens_body:
                    signature = _signature(head)
                    kind = 'body' if signature else 'other'
            elif inside:
                kind = 'inner'
            stack.append([kind if kind != 'inner' else 'body', head_start, line, signature, 0,
                          head.strip().split('\n')[-1] if kind == 'type' else '', kind,
                          line - _after_access(head).count('\n')])
            if kind in ('scope', 'type', 'body', 'inner'):
                head_start = index + 1
        elif char == '}':
            if stack:
                kind, _, _, signature, pure, name, detail, first = stack.pop()
                if detail == 'body' and signature:
                    bodies.append(Function(signature[0], first, line - first + 1, signature[1]))
                elif detail == 'type' and pure:
                    interfaces.append(Interface(name.strip(), first, pure))
                if detail in ('scope', 'type', 'body', 'inner'):
                    head_start = index + 1
        elif char == ';' and parens == 0:
            if not (stack and stack[-1][0] in ('body', 'other')):
                head = code[head_start:index]
                signature = _signature(head)
                if signature:
                    declarations.append(Function(signature[0], line - _after_access(head).count('\n'), 1, signature[1]))
                if stack and stack[-1][6] == 'type' and re.search(r'=\s*0\s*$', head) and 'virtual' in head:
                    stack[-1][4] += 1
            if not (stack and stack[-1][0] == 'other'):
                head_start = index + 1
        index += 1
    return bodies, declarations, interfaces
