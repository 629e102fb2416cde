"""The stories on three real sshd's of the current user: no root needed."""
import unittest

from scenario import Scenario
from story import Stories


class OnSshServers(Stories, Scenario):
    pass


if __name__ == '__main__':
    unittest.main()
