#!/usr/bin/env python3
"""Each rule of check.py must fail on a tree that breaks it, and a sound tree must pass."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check  # noqa: E402
import cpp_text  # noqa: E402

SOUND = {
    'CMakeLists.txt': 'slipway_library(reconciler/base LINK OpenSSL::Crypto)\n'
                      'slipway_library(reconciler/api LINK reconciler_base)\n'
                      'slipway_library(reconciler/ports INTERFACE LINK reconciler_api)\n'
                      'slipway_library(reconciler/planner LINK reconciler_api)\n'
                      'slipway_library(reconciler/runtime LINK reconciler_ports)\n'
                      'slipway_library(providers/transport LINK reconciler_ports ssh)\n'
                      'slipway_library(providers/vm LINK providers_transport)\n',
    'reconciler/base/status.h': '#pragma once\n#include <string>\n// may throw system("rm") in words only\n',
    'reconciler/base/system_clock.cc': 'auto now() { return std::chrono::steady_clock::now(); }\n',
    'reconciler/api/release.h': '#pragma once\n#include "reconciler/base/status.h"\n',
    'reconciler/planner/plan.cc': '#include "reconciler/api/release.h"\n#include "reconciler/base/status.h"\n',
    'providers/transport/ssh.cc': '#include <libssh/libssh.h>\n#include "reconciler/ports/runner.h"\n',
    'reconciler/ports/runner.h': '#pragma once\n#include <sys/types.h>\n',
    'providers/vm/vm.cc': '#include "providers/transport/ssh.h"\n#include "reconciler/base/status.h"\n',
    'cmd/slipway/main.cc': '#include <CLI/CLI.hpp>\n#include "embedded/crds.h"\n#include "providers/vm/vm.h"\n',
}


def breaches(changes):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**SOUND, **changes}.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full) or root, exist_ok=True)
            with open(full, 'w') as file:
                file.write(text)
        return check.run(root)[0]


class Rules(unittest.TestCase):
    def assert_breach(self, path, text, expected, line=None):
        found = breaches({path: text})
        matching = [each for each in found if expected in each]
        self.assertTrue(matching, f'no breach with {expected!r} in {found}')
        self.assertTrue(matching[0].startswith(f'{path}:{line}:' if line else f'{path}:'), matching[0])

    def test_a_sound_tree_passes(self):
        self.assertEqual([], breaches({}))

    def test_layers(self):
        for path, included in [('reconciler/base/a.cc', 'reconciler/api/release.h'),
                               ('reconciler/planner/a.cc', 'reconciler/ports/runner.h'),
                               ('reconciler/runtime/a.cc', 'reconciler/planner/plan.h'),
                               ('reconciler/ports/a.h', 'reconciler/planner/plan.h'),
                               ('providers/vm/a.cc', 'reconciler/planner/plan.h'),
                               ('providers/aws/a.cc', 'providers/vm/vm.h'),
                               ('reconciler/runtime/a.cc', 'cmd/slipway/main.h')]:
            self.assert_breach(path, f'#pragma once\n#include "{included}"\n', 'may not include', 2)

    def test_an_include_is_written_from_the_root(self):
        self.assert_breach('reconciler/api/a.cc', '#include "release.h"\n', 'not written from the root', 1)

    def test_a_new_module_needs_a_row_in_the_table(self):
        self.assert_breach('reconciler/other/a.cc', '', 'is not in the table')

    def test_links_agree_with_the_rule(self):
        self.assert_breach('CMakeLists.txt', SOUND['CMakeLists.txt'].replace(
            'planner LINK reconciler_api', 'planner LINK reconciler_api reconciler_ports'), 'may not be linked with', 4)

    def test_what_is_included_is_linked(self):
        found = breaches({'CMakeLists.txt': SOUND['CMakeLists.txt'].replace('providers/vm LINK providers_transport',
                                                                            'providers/vm LINK reconciler_api')})
        self.assertTrue(any('but does not link it' in each for each in found), found)

    def test_libraries_stay_in_their_files(self):
        self.assert_breach('reconciler/runtime/a.cc', '#include <boost/asio.hpp>\n', 'may be used only in', 1)
        self.assert_breach('providers/transport/a.h', '#pragma once\n#include <libssh/libssh.h>\n', 'in a header', 2)
        self.assert_breach('reconciler/base/a.cc', '#include <folly/String.h>\n', 'of no library', 1)

    def test_adapters(self):
        for code in ['auto t = std::chrono::system_clock::now();', 'clock_gettime(0, &t);', 'std::random_device d;',
                     'int i = rand();', 'auto h = getenv("HOME");', 'std::jthread t;', 'std::thread t;',
                     'auto f = std::async(g);', 'popen("ls", "r");', 'int r = system("ls");', '::execve(a, b, c);',
                     'std::cout << 1;', 'throw 1;', 'printf("x");']:
            self.assert_breach('reconciler/planner/a.cc', f'\n{code}\n', '; allowed only in', 2)

    def test_forbidden_calls(self):
        for code in ['std::this_thread::sleep_for(d);', 'usleep(1);', 'std::regex r;', '#include <regex>', 't.detach();']:
            self.assert_breach('reconciler/base/system_a.cc', f'\n{code}\n', 'forbidden calls', 2)
        self.assert_breach('tests/unit/a.cc', 'std::this_thread::sleep_for(d);\n', 'forbidden calls', 1)

    def test_words_in_comments_and_literals_are_not_calls(self):
        self.assertEqual([], breaches({'reconciler/api/a.cc': '// throw getenv("x")\n/* std::jthread\n rand() */\n'
                                       'auto s = "std::random_device"; auto r = R"x(popen("a"))x"; auto n = 1\'000;\n'}))

    def test_unordered_containers_are_not_visited(self):
        for use in ['for (const auto& each : seen_) {}', 'auto it = seen_.begin();', 'for (auto& [k, v] : state.seen_) {}']:
            self.assert_breach('reconciler/planner/a.cc', f'std::unordered_map<int, std::string> seen_;\n{use}\n',
                               'visits an unordered container', 2)

    def test_sizes(self):
        self.assert_breach('reconciler/api/a.cc', '\n' * 601, 'a source file has at most 600')
        self.assert_breach('reconciler/api/a.h', '#pragma once\n' + '\n' * 300, 'a header file has at most 300')
        self.assert_breach('tests/unit/a.cc', '\n' * 1001, 'a test file has at most 1000')
        self.assert_breach('reconciler/api/a.cc', 'int A::f(int a) const {\n' + '  g();\n' * 79 + '}\n', 'f has 81 lines', 1)
        self.assert_breach('reconciler/api/a.cc', 'void f(int a, int b, int c, int d, int e, int f) {}\n', '6 parameters')
        self.assert_breach('reconciler/api/a.h', '#pragma once\nclass A {\n public:\n  explicit A(std::map<int, int> a, int b, '
                           'int c,\n             int d, int e, int f);\n};\n', 'A has 6 parameters')
        methods = ''.join(f'  virtual int f{i}() = 0;\n' for i in range(9))
        self.assert_breach('reconciler/ports/a.h', f'#pragma once\nclass A {{\n{methods}}};\n', '9 methods')
        found = breaches({f'reconciler/api/f{i}.{end}': '#pragma once\n' for i in range(20) for end in ('h', 'cc')})
        self.assertTrue(any('21 files' in each for each in found), found)

    def test_headers(self):
        self.assert_breach('reconciler/api/a.h', 'int a;\n', 'no #pragma once', 1)
        self.assert_breach('reconciler/api/a.h', '#pragma once\nusing namespace std;\n', 'using namespace', 2)

    def test_paths_of_one_machine(self):
        self.assert_breach('README.md', 'cd ' + '/home' + '/me/slipway\n', 'exists on one machine only', 1)

    def test_documents_name_tests_that_exist(self):
        self.assert_breach('docs/requirements-status.md', 'done | `Plan.DoesIt`\n', 'there is no test Plan.DoesIt', 1)
        self.assertEqual([], breaches({'docs/requirements-status.md': '`Plan.DoesIt`, `test_it`\n',
                                       'tests/unit/a.cc': 'TEST(Plan, DoesIt) {}\n', 'tests/e2e/a.py': 'def test_it(): pass\n'}))

    def test_unfinished_marks(self):
        self.assert_breach('reconciler/api/a.cc', '// TO' + 'DO later\n', 'unfinished', 1)


class Reading(unittest.TestCase):
    def functions(self, text):
        bodies, declarations, _ = cpp_text.functions(cpp_text.code_only(text))
        return [(f.name, f.lines, f.parameters) for f in bodies], [(f.name, f.parameters) for f in declarations]

    def test_bodies(self):
        bodies, _ = self.functions('namespace a {\nclass B : public C {\n public:\n  B(int x, D&& d)\n      : x_{x}, d_(std::move(d)) '
                                   '{\n    run([this](int y) { return y; });\n  }\n  bool operator==(const B&) const { return 1; }\n'
                                   ' private:\n  int x_ = 0;\n  std::vector<int> v_{1, 2};\n};\n'
                                   'template <typename T, typename U>\nResult<T> f(std::map<T, U> m, int n = g(1, 2)) {\n'
                                   '  if (n) {\n    return {};\n  }\n  return {1};\n}\n}\n')
        self.assertEqual([('B', 4, 2), ('operator==', 1, 1), ('f', 7, 2)], bodies)

    def test_declarations(self):
        _, declarations = self.functions('int f(std::function<void(int, int)> a, int b = 1);\nstruct S {\n  int x = g(1);\n'
                                         '  S(int, int);\n  std::function<void(int, int)> cb;\n};\nusing F = int (*)(int, int);\n')
        self.assertEqual([('f', 2), ('S', 2)], declarations)


if __name__ == '__main__':
    sys.argv[1:] = []
    result = unittest.main(exit=False, verbosity=0).result
    bad = len(result.failures) + len(result.errors)
    print(f'{result.testsRun - bad} passed, {bad} failed')
    sys.exit(1 if bad else 0)
