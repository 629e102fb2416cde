#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "providers/vm/ssh_server_operator.h"
#include "providers/vm/ssh_vm_provider.h"
#include "tests/support/fake_artifact.h"
#include "tests/support/host_shells.h"
#include "tests/support/local_command_runner.h"
#include "tests/support/real/operation_driver.h"
#include "tests/support/step_driver.h"
#include "tests/support/temp_dir.h"

namespace slipway {

// This machine as a server on which one application is run by a process manager.
class ManagedHost {
 public:
  // With these variables in the shell's environment; "@" in them is the host's directory.
  ManagedHost(const HostShell& shell, const std::vector<std::string>& variables) : runner_(words(shell, variables)) {}

  void prepare(const std::string& id, const std::map<std::string, FakeArtifact::File>& files) {
    const auto artifact = std::make_shared<FakeArtifact>(files);
    const PrepareStep step{.releaseId = id, .identity = "v1:" + id, .artifact = artifact, .build = {}};
    const StepResult result = driver.run(next(), step);
    ASSERT_TRUE(result.status) << result.status.toString();
    digests_[id] = result.digest;
  }
  void switchTo(const std::string& id) {
    const StepResult result = driver.run(next(), SwitchStep{id, digests_[id]});
    ASSERT_TRUE(result.status) << result.status.toString();
  }
  void place(const std::string& id, const std::string& slot) {
    const StepResult result = driver.run(next(), PlaceStep{id, digests_[id], slot});
    ASSERT_TRUE(result.status) << result.status.toString();
  }
  StepResult act(const std::string& action, const std::string& id, const SlotRef& slot = {}, bool goingBack = false) {
    ProcessStep step{action, id, "", std::chrono::seconds(40), slot, manager};
    step.goingBack = goingBack;
    return driver.run(next(), step);
  }
  // Asked for by a person.
  StepResult operate(const std::string& verb, std::vector<std::string> words, const std::string& live) {
    ServerOperation operation = serverOperation(verb, std::move(words));
    operation.releaseId = live;
    operation.manager = manager;
    operation.timeout = std::chrono::seconds(40);
    const auto ended = operator_.run(std::move(operation));
    printed = ended->output;
    facts = ended->facts;
    return ended->result;
  }
  StepResult look(const std::string& id, const SlotRef& slot = {}) {
    VerifyStep step{id, {}};
    step.slot = slot;
    step.manager = manager;
    step.process = process;
    return driver.run(next(), step);
  }
  // Looks until what was started is older than a second. What was found last.
  StepResult lookUntilOld(const std::string& id, const SlotRef& slot = {}) {
    process = ProcessLook{std::chrono::seconds(1), process ? process->pidFile : ""};
    StepResult found = look(id, slot);
    for (int i = 0; i < 200 && found.status.message().find("it has just been started") != std::string::npos; ++i) {
      found = look(id, slot);
    }
    return found;
  }
  void run(const std::string& action, const std::string& id, const std::string& command) {
    const StepResult result = driver.run(next(), ProcessStep{action, id, command, std::chrono::seconds(20), {}, {}});
    ASSERT_TRUE(result.status) << result.status.toString();
  }

  TempDir dir;
  std::optional<ProcessManager> manager = SystemdUnit{};  // nothing: commands, by run()
  std::optional<ProcessLook> process;
  std::string printed;             // by the last operation
  std::vector<std::string> facts;  // that it saw

 private:
  std::vector<std::string> words(const HostShell& shell, std::vector<std::string> variables) const {
    variables.push_back("PATH=@/bin:" + (shell.path.empty() ? std::string(std::getenv("PATH")) : shell.path));
    std::vector<std::string> out{"/usr/bin/env", "HOME=" + dir.path()};
    for (const std::string& variable : variables) {
      const std::size_t at = variable.find('@');
      out.push_back(at == std::string::npos ? variable : variable.substr(0, at) + dir.path() + variable.substr(at + 1));
    }
    out.insert(out.end(), shell.words.begin(), shell.words.end());
    return out;
  }
  std::string next() { return "op-" + std::to_string(++operations_); }

  std::unique_ptr<Clock> clock_ = newSystemClock();
  NullMetrics metrics_;
  NullLogger logger_;
  LocalCommandRunner runner_;
  std::unique_ptr<Provider> provider_ = vm::newSshVmProvider(runner_, *clock_, metrics_, logger_);
  std::map<std::string, std::string> digests_;
  int operations_ = 0;

 public:
  StepDriver driver{*provider_, *clock_, dir / "app"};

 private:
  std::unique_ptr<ServerOperator> servers_ = vm::newSshServerOperator(runner_, *clock_);
  OperationDriver operator_{*servers_, *clock_, driver};
};

inline std::string explained(const StepResult& result) { return result.status.toString() + "\n" + result.tail; }

}  // namespace slipway
