#include "reconciler/release/active_run.h"

#include <algorithm>
#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::release {

void Mailbox::expect(const std::vector<std::string>& operations) {
  const std::lock_guard lock(mutex_);
  outstanding_.insert(operations.begin(), operations.end());
}

void Mailbox::setEager(bool eager) {
  const std::lock_guard lock(mutex_);
  eager_ = eager;
}

void Mailbox::put(Message message) {
  bool urgent = message.measurement.has_value() || message.roles.has_value();
  std::optional<SteadyTime> due;
  {
    const std::lock_guard lock(mutex_);
    if (message.result.has_value()) {
      outstanding_.erase(message.operationId);
      urgent = message.result->outcome != StepResult::Outcome::Done || eager_ || outstanding_.empty();
    }
    if (const SteadyTime now = clock_.steady(); !urgent && gatheredAt_ <= now) {
      due = gatheredAt_ = now + kGather;
    }
    waiting_.push_back({std::move(message), urgent});
  }
  if (urgent) {
    wake_();
  } else if (due.has_value()) {
    clock_.startTimer(*due, [wake = wake_] { wake(); });
  }
}

std::vector<Message> Mailbox::peek() const {
  const std::lock_guard lock(mutex_);
  std::vector<Message> out;
  if (clock_.steady() < gatheredAt_ &&
      std::none_of(waiting_.begin(), waiting_.end(), [](const Waiting& one) { return one.urgent; })) {
    return out;
  }
  out.reserve(waiting_.size());
  for (const Waiting& one : waiting_) {
    out.push_back(one.message);
  }
  return out;
}

void Mailbox::drop(std::size_t count) {
  const std::lock_guard lock(mutex_);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
}

void FetchSlot::set(Fetched fetched) {
  const std::lock_guard lock(mutex_);
  fetched_ = std::move(fetched);
}

std::optional<Fetched> FetchSlot::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fetched_, std::nullopt);
}

Status ActiveRun::pinSource(RunStatus& status) const {
  if (!status.artifact.empty() && status.artifact != artifact->digest()) {
    return {Code::Invalid,
            cat("the content of ", revision.display, " is not what this version was made from: choose a new version")};
  }
  status.revision = revision.id;
  status.revisionDisplay = revision.display;
  status.artifact = artifact->digest();
  return Status::ok();
}

}  // namespace slipway::release
