#include "providers/transport/command_job.h"

#include <utility>

#include "providers/transport/refusals.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {

CommandJob::CommandJob(RemoteTarget target, RemoteCommand command, RemoteEvents events)
    : target_(std::move(target)), command_(std::move(command)), events_(std::move(events)) {
  input_ = std::move(command_.input);
  closing_ = command_.closeInput;
}

void CommandJob::write(std::string_view bytes) {
  if (inputAt_ > 0) {
    input_.erase(0, std::exchange(inputAt_, 0));
  }
  input_.append(bytes);
}

void CommandJob::markStarted() {
  if (!std::exchange(started_, true) && events_.started) {
    events_.started();
  }
}

void CommandJob::take(std::string_view bytes, bool error) {
  if (finished_) {
    return;
  }
  const auto& event = error ? events_.error : events_.output;
  if (!error) {
    printed_ += bytes.size();
  }
  if (printed_ <= command_.outputLimit && event) {
    event(bytes);
  }
}

bool CommandJob::isOverLimit() {
  if (printed_ <= command_.outputLimit) {
    return false;
  }
  finish(Status(Code::Invalid, cat(describe(target_), ": the command printed more than ", command_.outputLimit,
                                   " bytes and was cut off")));
  return true;
}

void CommandJob::noteSent(std::size_t bytes) {
  inputAt_ += bytes;
  sent_ += bytes;
  wrote_ = wrote_ || bytes > 0;
}

bool CommandJob::settleInput() {
  if (inputAt_ < input_.size()) {
    return false;
  }
  input_ = std::string();  // with its memory: the command may run for long
  inputAt_ = 0;
  if (closing_) {
    return !std::exchange(endTold_, true);
  }
  if (std::exchange(wrote_, false) && events_.drained) {
    events_.drained();
  }
  return false;
}

void CommandJob::finish(Result<int> exit) {
  if (std::exchange(finished_, true)) {
    return;
  }
  letGo();
  outcome_ = exit.status();
  if (events_.exit) {
    events_.exit(std::move(exit));
  }
}

Status lateStatus(const CommandJob& job) {
  const char* what = job.started() ? "did not end its command" : "did not answer";
  return {Code::Timeout, cat(describe(job.target()), " ", what, " before the deadline")};
}

void recordEnd(const CommandJob& job, Metrics& metrics, Logger& logger) {
  metrics.add("slipway_ssh_commands_total", {{"result", resultLabel(job.outcome())}});
  metrics.add("slipway_ssh_bytes_sent_total", {}, static_cast<double>(job.bytesSent()));
  if (!job.outcome()) {
    logger.debug("A remote command did not end well",
                 {{"server", job.target().name}, {"status", job.outcome().toString()}});
  }
}

std::string resultLabel(const Status& status) { return status ? "ok" : std::string(codeName(status.code())); }

}  // namespace slipway::transport
