"""Every sample is valid by the same code that admits it, and the documents show only what is valid."""
import glob
import os
import re
import subprocess
import tempfile
import unittest

from scenario import BIN

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def lint(path):
    done = subprocess.run([os.path.join(BIN, 'slipway'), 'lint', path], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


class Samples(unittest.TestCase):
    def test_every_sample_is_valid(self):
        for path in sorted(glob.glob(os.path.join(TOP, 'manifests', 'samples', '*.yaml'))):
            with self.subTest(path=path):
                code, output = lint(path)
                self.assertEqual(0, code, output)

    def test_manifests_in_the_documents_are_valid(self):
        checked = 0
        for path in [os.path.join(TOP, 'README.md')] + sorted(glob.glob(os.path.join(TOP, 'docs', '**', '*.md'), recursive=True)):
            with open(path) as file:
                blocks = re.findall(r'```yaml\n(.*?)```', file.read(), re.S)
            for block in blocks:
                # An ellipsis stands for the bytes of a key.
                block = block.replace('AAAA…', 'AAAAC3NzaC1lZDI1NTE5AAAAIJ9hCr8EKyGbVfzFPz3bUqjTz4wvLY5HaZDsXzY1zZzq')
                with self.subTest(path=path), tempfile.NamedTemporaryFile('w', suffix='.yaml') as file:
                    file.write(block)
                    file.flush()
                    code, output = lint(file.name)
                    self.assertEqual(0, code, output)
                    checked += 1
        self.assertGreater(checked, 1)

    def test_the_pictures_of_the_strategies_show_what_the_plans_say(self):
        with tempfile.TemporaryDirectory() as drawn:
            subprocess.run(['python3', os.path.join(TOP, 'docs', 'strategies', 'timelines.py'), os.path.join(BIN, 'slipway'), drawn],
                           check=True)
            for name in sorted(os.listdir(drawn)):
                with open(os.path.join(drawn, name)) as now, open(os.path.join(TOP, 'docs', 'strategies', name)) as kept:
                    self.assertEqual(now.read(), kept.read(), f'{name}: draw it anew with docs/strategies/timelines.py build/bin/slipway')


if __name__ == '__main__':
    unittest.main()
