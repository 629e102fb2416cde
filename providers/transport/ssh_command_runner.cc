#include "providers/transport/ssh_command_runner.h"

#include "providers/transport/ssh_loop.h"

namespace slipway::transport {
namespace {

// The caller's hand on a job. It keeps only the mailbox, which outlives the loop.
class SshProcess final : public RemoteProcess {
 public:
  SshProcess(std::shared_ptr<SshLoop::Mailbox> mailbox, std::weak_ptr<SshJob> job)
      : mailbox_(std::move(mailbox)), job_(std::move(job)) {}
  ~SshProcess() override { cancel(); }

  void write(std::string bytes) override {
    mailbox_->post([job = job_, bytes = std::move(bytes)](SshLoop& loop) { loop.write(job.lock(), bytes); });
  }
  void closeInput() override {
    mailbox_->post([job = job_](SshLoop& loop) { loop.closeInput(job.lock()); });
  }
  void cancel() override {
    mailbox_->post([job = job_](SshLoop& loop) { loop.cancel(job.lock()); });
  }

 private:
  std::shared_ptr<SshLoop::Mailbox> mailbox_;
  std::weak_ptr<SshJob> job_;
};

class SshCommandRunner final : public CommandRunner {
 public:
  SshCommandRunner(Clock& clock, Metrics& metrics, Logger& logger) : loop_(clock, metrics, logger) {}

  std::shared_ptr<RemoteProcess> start(const RemoteTarget& target, RemoteCommand command,
                                       RemoteEvents events) override {
    const auto job = std::make_shared<SshJob>(target, std::move(command), std::move(events));
    loop_.mailbox()->post([job](SshLoop& loop) { loop.begin(job); });
    return std::make_shared<SshProcess>(loop_.mailbox(), job);
  }

 private:
  SshLoop loop_;
};

}  // namespace

std::unique_ptr<CommandRunner> newSshCommandRunner(Clock& clock, Metrics& metrics, Logger& logger) {
  return std::make_unique<SshCommandRunner>(clock, metrics, logger);
}

}  // namespace slipway::transport
