#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "providers/vm/ssh_vm_provider.h"
#include "reconciler/base/system.h"
#include "tests/support/host_shells.h"
#include "tests/support/local_command_runner.h"
#include "tests/support/step_driver.h"
#include "tests/support/temp_dir.h"

namespace slipway {

// The provider over the real host script in one of the shells it must work in; its servers are folders below `dir`.
class HostStage : public testing::TestWithParam<HostShell> {
 protected:
  void SetUp() override {
    if (!GetParam().usable()) GTEST_SKIP() << GetParam().name << " is not installed";
  }
  // Of the server "one".
  std::string at(const std::string& path) const { return driver.root() + "/" + path; }

  TempDir dir;
  std::unique_ptr<Clock> clock = newSystemClock();
  NullMetrics metrics;
  NullLogger logger;
  LocalCommandRunner runner{GetParam().words, GetParam().path};
  std::unique_ptr<Provider> provider = vm::newSshVmProvider(runner, *clock, metrics, logger);
  StepDriver driver{*provider, *clock, dir / "app"};
};

}  // namespace slipway
