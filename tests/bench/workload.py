"""One application and the five steps of releasing it, the same for every program that is compared."""
import os
import tarfile

FILES = 300
STEPS = ['send the files', 'dependencies', 'compile', 'switch', 'verify']
# Stand-ins for a package manager and a compiler: they write files, start processes, read everything.
DEPENDENCIES = 'mkdir -p vendor && i=0 && while [ $i -lt 50 ]; do echo "module $i" > vendor/$i; i=$((i+1)); done'
COMPILE = "find . -type f | sort | xargs cat | cksum > build.id"


class Tree:
    """A source directory whose version n+1 differs from n in two files."""

    def __init__(self, directory, files=FILES):
        self.directory, self.version = directory, 0
        for number in range(files):
            path = os.path.join(directory, f'part{number % 10}', f'file{number}.txt')
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w') as file:
                file.write(f'line of file {number}\n' * (20 + number))
        self.bytes = 0

    def next(self):
        """Makes the next version and tells its id."""
        self.version += 1
        for name in ('version.txt', os.path.join('part0', 'file0.txt')):
            with open(os.path.join(self.directory, name), 'w') as file:
                file.write(f'1.0.{self.version}\n')
        self.bytes = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(self.directory) for name in names)
        return f'1.0.{self.version}'

    def tar(self, path):
        with tarfile.open(path, 'w') as archive:
            archive.add(self.directory, arcname='.')


def remote_steps(version, root='plain', synced=False):
    """The five steps as shell commands; the first one reads a tar stream. `synced`: durable before the switch, and after."""
    release = f'{root}/releases/{version}'
    content, link = (' && sync -f .', ' && sync .') if synced else ('', '')
    # Sessions of the servers begin in one directory; what tells them apart is $HOME.
    return ['cd "$HOME" && ' + step for step in (
            f'mkdir -p {release} && tar -xf - -C {release}',
            f'cd {release} && {DEPENDENCIES}',
            f'cd {release} && {COMPILE}{content}',
            f'cd {root} && ln -s releases/{version} current.new && mv -T current.new current{link}',
            f'test "$(cat {root}/current/version.txt)" = {version}')]
