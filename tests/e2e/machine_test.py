"""The stories on five booted systemd machines."""
import unittest

from scenario import OnMachines, Scenario
from story import Stories


class OnBootedMachines(OnMachines, Stories, Scenario):
    pass


if __name__ == '__main__':
    unittest.main()
