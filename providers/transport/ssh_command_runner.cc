#include "providers/transport/ssh_command_runner.h"

#include <system_error>

#include "providers/transport/ssh_library.h"
#include "providers/transport/ssh_loop.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

class SshCommandRunner final : public CommandRunner {
 public:
  SshCommandRunner(Clock& clock, Metrics& metrics, Logger& logger) : loop_(clock, metrics, logger) {}

  std::shared_ptr<RemoteProcess> start(const RemoteTarget& target, RemoteCommand command,
                                       RemoteEvents events) override {
    const auto job = std::make_shared<SshJob>(target, std::move(command), std::move(events));
    loop_.mailbox()->post([job](SshLoop& loop) { loop.begin(job); });
    return std::make_shared<LoopProcess<SshLoop, SshJob>>(loop_.mailbox(), job);
  }

 private:
  SshLoop loop_;
};

}  // namespace

Result<std::unique_ptr<CommandRunner>> newSshCommandRunner(Clock& clock, Metrics& metrics, Logger& logger) {
  SLIPWAY_RETURN_IF_ERROR(checkLibrary());
  try {
    return std::unique_ptr<CommandRunner>(std::make_unique<SshCommandRunner>(clock, metrics, logger));
  } catch (const std::system_error& error) {
    return Status(Code::Unavailable, cat("cannot start a thread for SSH: ", error.what()));
  }
}

}  // namespace slipway::transport
