#!/usr/bin/env python3
"""The rules of ARCHITECTURE.md that a program can check. check.py [--root DIR]

Prints one line per breach, `file:line: what is wrong (the rule)`, and last "N passed, N failed" where N counts rules.
There is no list of excused breaches: a rule holds for a module or it does not. The tables below say which files are the
adapters to the machine, that is where time, threads, randomness and libraries come in.
"""
import argparse
import collections
import fnmatch
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cpp_text  # noqa: E402

BASE, API, PORTS = 'reconciler/base', 'reconciler/api', 'reconciler/ports'
CEL, SCHEMA = 'reconciler/cel', 'reconciler/schema'
_CORE = {PORTS, API, SCHEMA, BASE}

# Who may include whom.
MAY_INCLUDE = {
    BASE: set(),
    API: {BASE},
    PORTS: {API, BASE},
    CEL: {BASE},
    SCHEMA: {CEL, BASE},
    'reconciler/planner': {API, BASE},
    'reconciler/store': _CORE,
    'reconciler/apiserver': _CORE,
    'reconciler/client': _CORE,
    'reconciler/runtime': _CORE,
    'reconciler/source': _CORE,
    'reconciler/metrics': _CORE,
    'reconciler/release': {'reconciler/planner', PORTS, API, BASE},
    'reconciler/analysis': {CEL, PORTS, API, BASE},
    'reconciler/fleet': {'reconciler/planner', PORTS, API, BASE},
    'providers/transport': {PORTS, API, BASE},
}
PROVIDER = {'providers/transport', PORTS, API, BASE}  # providers/<any other>; never one another

# Where what comes from the machine may be used. (what, pattern, files that may)
ADAPTERS = [
    ('the time', r'\b(?:system|steady|high_resolution)_clock::now\b|\b(?:gettimeofday|clock_gettime|localtime(?:_r)?)\b|'
                 r'(?<![\w.:>])time\((?:nullptr|NULL|0|&)',
     ['reconciler/base/system*', 'reconciler/apiserver/listener/http_listener*', 'reconciler/client/http_connection*']),
    ('randomness', r'\brandom_device\b|\bmt19937\w*|\b(?:std::rand|srand|getrandom|RAND_bytes|arc4random)\b|(?<![\w.:>])rand\(',
     ['reconciler/base/system*', 'cmd/slipwayd/certificates*']),
    ('the environment', r'\b(?:secure_getenv|getenv|setenv|putenv|unsetenv)\b', ['reconciler/base/system*', 'cmd/*']),
    ('a thread', r'\bstd::(?:jthread|thread|async)\b|\bpthread_create\b',
     ['reconciler/base/system*', 'reconciler/store/*', 'reconciler/apiserver/*',
      'reconciler/runtime/*', 'reconciler/client/*', 'reconciler/source/*', 'reconciler/metrics/*',
      'providers/transport/*', 'cmd/*']),
    ('a process', r'(?<![\w.:>])(?:system|popen|fork|vfork|execl[ep]?|execv[pe]*|posix_spawnp?)\(|::(?:fork|execv\w*|posix_spawnp?)\(',
     ['reconciler/base/system*', 'providers/transport/child_process*', 'cmd/slipway/*']),
    # A library's own way to stop it from inside its callback; caught in the same file.
    ('an exception', r'\bthrow\b', ['reconciler/schema/yaml.cc']),
    ('standard output', r'\bstd::(?:cout|cerr|clog|printf|puts)\b|(?<![\w.:>])f?printf\(', ['reconciler/base/system*', 'cmd/*']),
]

# Never, nowhere.
FORBIDDEN = [
    ('a sleep: wait on a condition or on the Clock', r'\bsleep_(?:for|until)\b|(?<![\w.:>])(?:usleep|nanosleep|sleep)\('),
    ('std::regex: it is slow and recursive; RE2 takes patterns from outside', r'\bstd::(?:basic_)?regex\w*|#\s*include\s*<regex>'),
    ('a detached thread', r'\.detach\(\)'),
]

# Which library may be used where: its headers appear only in .cc files of these, behind types of ours.
LIBRARIES = {
    'boost': ['reconciler/apiserver/*', 'reconciler/client/*', 'reconciler/metrics/*'],
    'openssl': ['reconciler/base/system*', 'reconciler/apiserver/*', 'reconciler/client/*', 'providers/transport/*', 'cmd/slipwayd/*'],
    'sqlite3.h': ['reconciler/store/*'],
    'simdjson.h': ['reconciler/base/json*', 'reconciler/schema/*'],
    'yaml-cpp': ['reconciler/schema/*'],
    'yaml.h': ['reconciler/schema/*'],
    're2': ['reconciler/cel/*', 'reconciler/schema/*'],
    'git2': ['reconciler/source/*'],
    'git2.h': ['reconciler/source/*'],
    'curl': ['reconciler/source/*', 'providers/transport/*'],
    'prometheus': ['reconciler/metrics/*'],
    'libssh': ['providers/transport/*', 'reconciler/source/*', 'cmd/slipway/*'],
    'cpprest': ['providers/transport/*'],
    'pplx': ['providers/transport/*'],
    'CLI': ['cmd/*'],
    'spdlog': ['cmd/slipwayd/*'],
    'zlib.h': ['reconciler/apiserver/*', 'reconciler/source/*', 'providers/transport/*'],
}
# The operating system's own headers are no library in this sense.
_SYSTEM_HEADER = re.compile(r'^(?:[a-z0-9_]+|(?:sys|arpa|netinet|net|linux|bits)/[\w./]+|c[a-z0-9]+|'
                            r'(?:assert|ctype|dirent|errno|fcntl|fnmatch|glob|grp|limits|locale|netdb|poll|pthread|pty|pwd|regex|'
                            r'sched|semaphore|signal|spawn|stdint|stddef|stdio|stdlib|string|strings|termios|time|ucontext|unistd|utime|'
                            r'execinfo|fnmatch|libgen|wait)\.h)$')
_TEST_LIBRARIES = ('gtest', 'gmock')

LIMITS = {'source': 600, 'header': 300, 'test': 1000, 'function': 80, 'parameters': 5, 'folder': 20, 'interface': 8}
# Whose abstract classes describe one value, read in many ways, and are no port.
VALUE_MODULES = (SCHEMA,)
SORTED_MODULES = ('reconciler/planner', 'reconciler/release', 'reconciler/fleet')
PRODUCT = ('reconciler/', 'providers/', 'cmd/')
_INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
_MACHINE_PATH = re.compile(r'(?<![\w.$}~*])/(?:home/[a-z]|Users/[A-Z]|work/(?:wt|main|shared)\b)')


def module_of(path):
    return '/'.join(path.split('/')[:2])


def allowed(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


class Tree:
    """The files under a root, read once; breaches are collected by rule."""

    def __init__(self, root):
        self.root = root
        self.files = self._list()
        self.texts, self.codes = {}, {}
        for path in self.files:
            with open(os.path.join(root, path), encoding='utf-8', errors='replace') as file:
                self.texts[path] = file.read()
            if path.endswith(('.cc', '.h')):
                self.codes[path] = cpp_text.code_only(self.texts[path])
        self.breaches = collections.defaultdict(list)

    def _list(self):
        try:
            out = subprocess.run(['git', '-C', self.root, 'ls-files', '--cached', '--others', '--exclude-standard', '-z'],
                                 capture_output=True, check=True, text=True).stdout
            files = [path for path in out.split('\0') if path]
        except (OSError, subprocess.CalledProcessError):
            files = [os.path.relpath(os.path.join(folder, name), self.root)
                     for folder, _, names in os.walk(self.root) for name in names]
        return sorted(path for path in set(files) if os.path.isfile(os.path.join(self.root, path)))

    def product(self):
        return [path for path in self.codes if path.startswith(PRODUCT)]

    def tests(self):
        return [path for path in self.codes if path.startswith('tests/')]

    def breach(self, rule, path, line, what):
        self.breaches[rule].append(f'{path}:{line}: {what} ({rule})')

    def matches(self, path, pattern):
        for number, line in enumerate(self.codes[path].split('\n'), 1):
            for match in re.finditer(pattern, line):
                yield number, match.group(0)

    def includes(self, path):
        """(line, is it ours, what). From the text itself: literals are emptied in the code."""
        for number, line in enumerate(self.texts[path].split('\n'), 1):
            match = _INCLUDE.match(line)
            if match:
                yield number, match.group(1) == '"', match.group(2)


def may_include(module):
    if module in MAY_INCLUDE:
        return MAY_INCLUDE[module]
    return PROVIDER if module.startswith('providers/') else None


def check_layers(tree):
    rule = 'layers: who may include whom'
    for path in tree.product():
        module = module_of(path)
        permitted = may_include(module)
        if permitted is None and not module.startswith('cmd/'):
            tree.breach(rule, path, 1, f'module {module} is not in the table of tests/arch/check.py')
            continue
        for line, ours, included in tree.includes(path):
            if not ours:
                continue
            target = module_of(included)
            if included.startswith('embedded/') and module.startswith(('cmd/', 'providers/')):
                continue
            if not included.startswith(PRODUCT):
                tree.breach(rule, path, line, f'"{included}" is not written from the root of the tree')
            elif target != module and module.startswith('cmd/') and target.startswith('cmd/'):
                tree.breach(rule, path, line, f'{module} may not include {target}')
            elif target != module and permitted is not None and target not in permitted:
                tree.breach(rule, path, line, f'{module} may not include {target}')


def linked_modules(tree):
    """module → set of modules in its link list, from CMakeLists.txt."""
    found = {}
    for match in re.finditer(r'slipway_library\(\s*([\w/]+)([^)]*)\)', tree.texts.get('CMakeLists.txt', '')):
        names = re.findall(r'\b(?:reconciler|providers)_(\w+)', match.group(2))
        kinds = re.findall(r'\b(reconciler|providers)_\w+', match.group(2))
        line = tree.texts['CMakeLists.txt'][:match.start()].count('\n') + 1
        found[match.group(1)] = (line, {f'{kind}/{name}' for kind, name in zip(kinds, names)})
    return found


def check_links(tree):
    rule = 'links: the link list says the same as the include rule'
    links = linked_modules(tree)

    def reachable(module, seen):
        for other in links.get(module, (0, set()))[1]:
            if other not in seen:
                seen.add(other)
                reachable(other, seen)
        return seen

    for module, (line, linked) in links.items():
        for other in sorted(linked - (may_include(module) or set())):
            tree.breach(rule, 'CMakeLists.txt', line, f'{module} may not be linked with {other}')
    for path in tree.product():
        module = module_of(path)
        if module.startswith('cmd/'):
            continue
        if module not in links:
            tree.breach(rule, path, 1, f'{module} has no slipway_library line in CMakeLists.txt')
            continue
        for line, ours, included in tree.includes(path):
            other = module_of(included)
            if ours and included.startswith(PRODUCT) and other != module and other not in reachable(module, set()):
                tree.breach(rule, path, line, f'{module} includes {other} but does not link it')


def check_libraries(tree):
    rule = 'libraries: headers of other projects only in the .cc files that wrap them'
    for path in tree.product():
        for line, ours, included in tree.includes(path):
            if ours or _SYSTEM_HEADER.match(included):
                continue
            first = included.split('/')[0]
            if first not in LIBRARIES:
                tree.breach(rule, path, line, f'<{included}> is of no library that this project uses')
            elif not allowed(path, LIBRARIES[first]):
                tree.breach(rule, path, line, f'<{included}> may be used only in {", ".join(LIBRARIES[first])}')
            elif path.endswith('.h'):
                tree.breach(rule, path, line, f'<{included}> in a header: keep it in a .cc file behind a type of ours')


def check_adapters(tree):
    rule = 'adapters: what comes from the machine comes in through ports'
    for path in tree.product():
        for what, pattern, files in ADAPTERS:
            if allowed(path, files):
                continue
            for line, found in tree.matches(path, pattern):
                tree.breach(rule, path, line, f'{found} uses {what}; allowed only in {", ".join(files)}')


def check_forbidden(tree):
    rule = 'forbidden calls'
    for path in tree.codes:
        for what, pattern in FORBIDDEN:
            for line, found in tree.matches(path, pattern):
                tree.breach(rule, path, line, f'{found.strip()} is {what}')


def check_order(tree):
    rule = 'order: planner, release and fleet never iterate over unordered containers'
    for module in SORTED_MODULES:
        paths = [path for path in tree.product() if module_of(path) == module]
        names = set()
        for path in paths:
            names.update(re.findall(r'\bunordered_(?:multi)?(?:map|set)<[^;{}()]*>\s*&?\s*(\w+)', tree.codes[path]))
        if not names:
            continue
        any_name = '|'.join(sorted(re.escape(name) for name in names))
        pattern = rf'for \([^;]*:\s*[\w.\->]*\b(?:{any_name})\)|\b(?:{any_name})\.c?begin\(\)'
        for path in paths:
            for line, found in tree.matches(path, pattern):
                tree.breach(rule, path, line, f'`{found}` visits an unordered container')


def check_sizes(tree):
    rule = 'sizes'
    folders = collections.defaultdict(set)
    for path, text in tree.texts.items():
        if not path.endswith(('.cc', '.h', '.py')) or not path.startswith(PRODUCT + ('tests/',)):
            continue
        folders[os.path.dirname(path)].add(os.path.splitext(path)[0])
        kind = 'test' if path.startswith('tests/') else 'header' if path.endswith('.h') else 'source'
        lines = text.count('\n')
        if lines > LIMITS[kind]:
            tree.breach(rule, path, lines, f'{lines} lines; a {kind} file has at most {LIMITS[kind]}')
    for folder, stems in folders.items():
        if len(stems) > LIMITS['folder']:
            tree.breach(rule, folder, 1, f'{len(stems)} files, pairs counted once; a folder has at most {LIMITS["folder"]}')
    for path, code in tree.codes.items():
        bodies, declarations, interfaces = cpp_text.functions(code)
        for found in bodies:
            if found.lines > LIMITS['function']:
                tree.breach(rule, path, found.line, f'{found.name} has {found.lines} lines; at most {LIMITS["function"]}')
        for found in bodies + declarations:
            if found.parameters > LIMITS['parameters'] and path.startswith(PRODUCT):
                tree.breach(rule, path, found.line,
                            f'{found.name} has {found.parameters} parameters; at most {LIMITS["parameters"]}, then a struct')
        for found in interfaces:
            counts = path.startswith(PRODUCT) and module_of(path) not in VALUE_MODULES
            if counts and found.methods > LIMITS['interface']:
                tree.breach(rule, path, found.line, f'{found.name} has {found.methods} methods; at most {LIMITS["interface"]}')


def check_headers(tree):
    rule = 'headers: #pragma once, no using namespace'
    for path in tree.codes:
        if path.endswith('.h'):
            if not re.search(r'^#pragma once$', tree.codes[path], re.M):
                tree.breach(rule, path, 1, 'no #pragma once')
            for line, _ in tree.matches(path, r'\busing\s+namespace\b'):
                tree.breach(rule, path, line, 'using namespace in a header')


def check_paths(tree):
    rule = 'paths: no place of one machine'
    for path, text in tree.texts.items():
        if path.startswith('tests/arch/'):
            continue
        for number, line in enumerate(text.split('\n'), 1):
            match = _MACHINE_PATH.search(line)
            if match:
                tree.breach(rule, path, number, f'{match.group(0)}… exists on one machine only')


def check_unfinished(tree):
    rule = 'unfinished: nothing left open or switched off'
    for path in tree.codes:
        for number, line in enumerate(tree.texts[path].split('\n'), 1):
            match = re.search(r'\b(?:TODO|FIXME|XXX)\b|\bDISABLED_\w+', line)
            if match:
                tree.breach(rule, path, number, match.group(0))


def check_status(tree):
    rule = 'status: the tests that docs/requirements-status.md names exist'
    path = 'docs/requirements-status.md'
    sources = ''.join(text for name, text in tree.texts.items() if name.startswith('tests/'))
    cases = {f'{suite}.{case}' for suite, case in re.findall(r'\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)', sources)}
    known = cases | {case.split('.')[0] for case in cases} | set(re.findall(r'\bdef (test_\w+)', sources))
    for number, line in enumerate(tree.texts.get(path, '').split('\n'), 1):
        for named in re.findall(r'`(test_\w+|[A-Z]\w+\.[A-Z]\w+|[A-Z][a-z]+[A-Z]\w+)`', line):
            if named not in known:
                tree.breach(rule, path, number, f'there is no test {named}')


CHECKS = [check_layers, check_links, check_libraries, check_adapters, check_forbidden, check_order, check_sizes,
          check_headers, check_paths, check_unfinished, check_status]


def run(root):
    tree = Tree(root)
    failed = 0
    for check in CHECKS:
        before = sum(len(found) for found in tree.breaches.values())
        check(tree)
        failed += sum(len(found) for found in tree.breaches.values()) > before
    return [line for found in tree.breaches.values() for line in found], len(CHECKS) - failed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument('--root', default=os.path.dirname(os.path.dirname(here)))
    lines, passed, failed = run(parser.parse_args().root)
    for line in lines:
        print(line)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
