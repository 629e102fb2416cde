#include "reconciler/release/active_run.h"

#include <utility>

namespace slipway::release {

void Mailbox::put(Message message) {
  {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
  }
  wake_();
}

std::vector<Message> Mailbox::peek() const {
  const std::lock_guard lock(mutex_);
  return messages_;
}

void Mailbox::drop(std::size_t count) {
  const std::lock_guard lock(mutex_);
  messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(count));
}

void FetchSlot::set(Fetched fetched) {
  const std::lock_guard lock(mutex_);
  fetched_ = std::move(fetched);
}

std::optional<Fetched> FetchSlot::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fetched_, std::nullopt);
}

}  // namespace slipway::release
