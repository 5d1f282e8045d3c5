"""Text from outside: names, messages and settings that others wrote.

File names, lists, answers of web servers, messages of libraries and YAML can
hold anything. Whatever is stored or shown passes through `escape`.
"""

import re

import yaml

# What a terminal, a line or a UTF-8 file cannot hold: control characters (ESC
# begins a command to the terminal), other ends of lines, marks that turn the
# order of letters around, and surrogates, as which Python reads bytes that are
# not UTF-8.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff]"
)
# What a spreadsheet would calculate.
_FORMULA = re.compile(r"'*[=+\-@]")

# The longest value and the longest message to show, in characters.
LONGEST_VALUE = 200
LONGEST_MESSAGE = 1000

# YAML 1.1 reads 010 as 8, 1:30 as 90 and 1_0 as 10.
_MISREAD = re.compile(r"[-+]?0\d+|.*[_:].*")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")

# How deep settings may be nested, and how many values they may have, after
# each alias (`*name`) is replaced by what it stands for.
DEEPEST_YAML = 50
MOST_YAML_VALUES = 20_000

# The fast one refuses what the other can write: paths that are not UTF-8.
_YAML_LOADERS = (getattr(yaml, "CSafeLoader", yaml.SafeLoader), yaml.SafeLoader)


def escape(text):
    r"""Makes text safe for UTF-8, for one line and for a terminal.

    Letters of all languages stay. Escaping twice is escaping once.

    Args:
        text: String.

    Example:

    >>> print(escape("Zoë\n\x1b[31m\udcff"))
    Zoë\x0a\x1b[31m\xff
    """
    return _UNSAFE.sub(_escape_character, text)


def escape_name(name):
    r"""Makes a name safe like `escape`, and keeps different names different.

    Args:
        name: String, such as the name of a file.

    Example:

    >>> print(escape_name("\udcff"), escape_name(r"\xff"))
    \xff \x5cxff
    """
    return escape(re.sub(r"\\(?=[xu])", r"\\x5c", name))


def escape_all(content):
    r"""Makes all text in dictionaries and lists safe, as `escape`.

    Example:

    >>> print(escape_all({"names\0": ["a\nb", 1]}))
    {'names\\x00': ['a\\x0ab', 1]}
    """
    if isinstance(content, dict):
        return {
            escape_all(key): escape_all(value) for key, value in content.items()
        }
    if isinstance(content, list):
        return [*map(escape_all, content)]
    # Not of a subclass: markup is ours.
    return escape(content) if type(content) is str else content


def escape_cell(text):
    """Makes text safe for a CSV file: a spreadsheet must not calculate it.

    Args:
        text: String.

    Example:

    >>> escape_cell("=1+1"), escape_cell("a=1")
    ("'=1+1", 'a=1')
    """
    text = escape(text)
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_cell(text):
    """Returns a name as it was before `escape_cell`.

    Example:

    >>> unescape_cell("'=1+1"), unescape_cell("'tis")
    ('=1+1', "'tis")
    """
    is_escaped = text.startswith("'") and _FORMULA.match(text)
    return text[1:] if is_escaped else text


def shorten(text, most=LONGEST_VALUE):
    """Cuts text at a number of characters, and says so.

    Example:

    >>> shorten("identity", 6)
    'ide...'
    """
    return text if len(text) <= most else f"{text[: most - 3]}..."


def one_line(text):
    """Makes a message safe, on one line, and of a length that can be read.

    The value that was received, at its end, is cut first.

    Example:

    >>> message = one_line(f"Too long.\\n Received: name={'a' * 10**6}")
    >>> len(message)
    220
    """
    text = escape(" ".join(text.split()))
    start, received, value = text.rpartition("Received: ")
    if not received:
        return shorten(text, LONGEST_MESSAGE)
    return f"{shorten(start, LONGEST_MESSAGE)}{received}{shorten(value)}"


def read_yaml(text):
    """Reads settings in YAML.

    Args:
        text: String.

    Returns:
        Dictionaries, lists and values.

    Raises:
        ValueError: As `check_yaml`.
        yaml.YAMLError: If it is not YAML.
    """
    fast, safe = _YAML_LOADERS
    try:
        check_yaml(text, fast)
        return yaml.load(text, fast)
    except yaml.YAMLError:
        check_yaml(text, safe)
        return yaml.load(text, safe)


def check_yaml(text, loader=_YAML_LOADERS[0], is_text=False):
    """Raises if YAML has a key twice, too many values, or too deep ones.

    The parser would take the last of equal keys and say nothing, and read some
    numbers as others. A few lines with aliases of aliases can stand for a
    billion values, and a thousand brackets end the parser. Nothing is built
    here.

    Args:
        text: String, YAML or anything else.
        loader: Class of PyYAML that is going to read it.
        is_text: Whether it is going to be text, even if it is like a number.

    Raises:
        ValueError: If so.
        yaml.YAMLError: If it is not YAML.

    Example:

    >>> check_yaml("[" * 1000)
    Traceback (most recent call last):
    ...
    ValueError: YAML may be nested 50 levels deep, not more.
    """
    num_values, open_nodes, sizes = 0, [], {}
    for event in _with_different_keys(yaml.parse(text, loader)):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            sizes[anchor] = num_values - before
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, num_values))
            num_values += 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in [anchor for anchor, _ in open_nodes]:
                raise ValueError(
                    f"A value must not contain itself (*{event.anchor})."
                )
            num_values += sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            num_values += 1
            if not is_text:
                _check_number(event)
        if len(open_nodes) > DEEPEST_YAML:
            raise ValueError(
                f"YAML may be nested {DEEPEST_YAML} levels deep, not more."
            )
        if num_values > MOST_YAML_VALUES:
            raise ValueError(
                f"YAML may have {MOST_YAML_VALUES:,} values, not more, also "
                "counting what aliases stand for."
            )


def _check_number(event):
    """Raises if a value is a number that YAML reads as another one."""
    is_plain, _ = event.implicit
    if not is_plain or not _MISREAD.fullmatch(event.value):
        return
    kind = yaml.resolver.Resolver().resolve(
        yaml.ScalarNode, event.value, event.implicit
    )
    if kind in _NUMBERS:
        raise ValueError(
            "YAML reads numbers with a leading 0, `_` or `:` as other ones. "
            "Write decimal digits only, or quotes around what is text. "
            f"Received: {event.value} in line {event.start_mark.line + 1}"
        )


def _with_different_keys(events):
    """Yields the events of a parser; raises if a mapping has a key twice."""
    # Of each open node the keys so far (of a mapping), and whether one is next.
    open_nodes = [[None, False]]
    for event in events:
        if isinstance(event, yaml.NodeEvent):
            keys, is_key = open_nodes[-1]
            if is_key and isinstance(event, yaml.ScalarEvent):
                if event.value in keys:
                    raise ValueError(
                        "A setting may be given once, not twice. Received: "
                        f"{event.value} again in line "
                        f"{event.start_mark.line + 1}"
                    )
                keys.add(event.value)
            open_nodes[-1][1] = keys is not None and not is_key
        if isinstance(event, yaml.MappingStartEvent):
            open_nodes.append([set(), True])
        elif isinstance(event, yaml.SequenceStartEvent):
            open_nodes.append([None, False])
        elif isinstance(event, yaml.CollectionEndEvent):
            open_nodes.pop()
        yield event


def _escape_character(match):
    """Returns the number of a character as text."""
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        # A byte that is not UTF-8 (PEP 383).
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"
