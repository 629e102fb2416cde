#include "reconciler/apiserver/rest_stream.h"

#include <utility>

namespace slipway::apiserver {

void StreamPump::Mailbox::push(std::uint64_t id) {
  const std::lock_guard lock(mutex);
  if (queued.insert(id).second) {
    ready.push_back(id);
    changed.notify_one();
  }
}

StreamPump::StreamPump(Clock& clock) : clock_(clock), mailbox_(std::make_shared<Mailbox>()) {}

StreamPump::~StreamPump() { stop(); }

void StreamPump::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void StreamPump::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!step()) {
      std::unique_lock lock(mailbox_->mutex);
      mailbox_->changed.wait(lock, stop, [this] { return !mailbox_->ready.empty(); });
    }
  }
}

void StreamPump::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  for (auto& [id, running] : running_) {
    clock_.cancelTimer(running.timer);
    running.task->shutdown();
  }
  running_.clear();
  const std::lock_guard lock(mutex_);
  for (auto& [id, task] : added_) {
    task->shutdown();
  }
  added_.clear();
}

std::uint64_t StreamPump::reserve() {
  const std::lock_guard lock(mutex_);
  return ++lastId_;
}

std::function<void()> StreamPump::wakeOf(std::uint64_t id) const {
  return [mailbox = mailbox_, id] { mailbox->push(id); };
}

void StreamPump::add(std::uint64_t id, std::unique_ptr<StreamTask> task) {
  StreamTask* late = task.get();
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      added_[id] = std::move(task);
      late = nullptr;
    }
  }
  if (late != nullptr) {
    late->shutdown();
    return;
  }
  mailbox_->push(id);
}

bool StreamPump::step() {
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mailbox_->mutex);
    if (mailbox_->ready.empty()) {
      return false;
    }
    id = mailbox_->ready.front();
    mailbox_->ready.pop_front();
    mailbox_->queued.erase(id);
  }
  {
    const std::lock_guard lock(mutex_);
    if (auto node = added_.extract(id)) {
      running_[id].task = std::move(node.mapped());
    }
  }
  pump(id);
  return true;
}

void StreamPump::pump(std::uint64_t id) {
  const auto found = running_.find(id);
  if (found == running_.end()) {
    return;
  }
  Running& running = found->second;
  const auto next = running.task->pump(clock_.steady());
  if (!next) {
    clock_.cancelTimer(running.timer);
    running_.erase(found);
    return;
  }
  if (running.due != *next) {
    clock_.cancelTimer(running.timer);
    running.due = *next;
    running.timer = clock_.startTimer(*next, wakeOf(id));
  }
}

}  // namespace slipway::apiserver
