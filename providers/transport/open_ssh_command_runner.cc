#include "providers/transport/open_ssh_command_runner.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include "providers/transport/open_ssh_loop.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

class OpenSshCommandRunner final : public CommandRunner {
 public:
  OpenSshCommandRunner(const OpenSshOptions& options, Clock& clock, Metrics& metrics, Logger& logger)
      : loop_(options, clock, metrics, logger) {}

  std::shared_ptr<RemoteProcess> start(const RemoteTarget& target, RemoteCommand command,
                                       RemoteEvents events) override {
    const auto job = std::make_shared<OpenSshJob>(target, std::move(command), std::move(events));
    loop_.mailbox()->post([job](OpenSshLoop& loop) { loop.begin(job); });
    return std::make_shared<LoopProcess<OpenSshLoop, OpenSshJob>>(loop_.mailbox(), job);
  }

  bool parallel() const override { return loop_.parallel(); }

 private:
  OpenSshLoop loop_;
};

// What a crash left there holds private keys.
Status emptyDirectory(const std::string& path) {
  std::error_code failed;
  std::filesystem::remove_all(path, failed);
  if (failed) {
    return {Code::Invalid, cat("cannot empty ", path, ": ", failed.message())};
  }
  if (::mkdir(path.c_str(), 0700) != 0) {
    return {Code::Invalid, cat("cannot make ", path, ": ", std::strerror(errno))};
  }
  return Status::ok();
}

}  // namespace

Result<std::unique_ptr<CommandRunner>> newOpenSshCommandRunner(const OpenSshOptions& options, Clock& clock,
                                                               Metrics& metrics, Logger& logger) {
  if (::access(options.program.c_str(), X_OK) != 0) {
    return Status(Code::Invalid, cat("cannot run ", options.program, ": ", std::strerror(errno)));
  }
  SLIPWAY_RETURN_IF_ERROR(emptyDirectory(options.directory));
  try {
    return std::unique_ptr<CommandRunner>(std::make_unique<OpenSshCommandRunner>(options, clock, metrics, logger));
  } catch (const std::system_error& error) {
    return Status(Code::Unavailable, cat("cannot start a thread for SSH: ", error.what()));
  }
}

}  // namespace slipway::transport
