#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include "reconciler/ports/command_runner.h"

namespace slipway::transport {

// Where other threads leave what a loop on a thread of its own shall do. Outlives the loop and then drops what is
// posted.
template <typename Loop>
class LoopMailbox {
 public:
  using Task = std::function<void(Loop&)>;

  LoopMailbox() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~LoopMailbox() { ::close(wake_); }
  LoopMailbox(const LoopMailbox&) = delete;
  LoopMailbox& operator=(const LoopMailbox&) = delete;

  // Thread-safe, never blocks.
  void post(Task task) {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      return;
    }
    tasks_.push_back(std::move(task));
    ::eventfd_write(wake_, 1);
  }

  // Thread-safe. The loop ends when it looks next.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    ::eventfd_write(wake_, 1);
  }

  // For the loop: readable when there is something to do.
  int fd() const { return wake_; }

  // For the loop: does what was posted, and what that posts. False when the loop shall end.
  bool run(Loop& loop) {
    eventfd_t count = 0;
    ::eventfd_read(wake_, &count);
    for (;;) {
      std::vector<Task> tasks;
      {
        const std::lock_guard lock(mutex_);
        if (closed_) {
          return false;
        }
        tasks.swap(tasks_);
      }
      if (tasks.empty()) {
        return true;
      }
      for (const Task& task : tasks) {
        task(loop);
      }
    }
  }

 private:
  std::mutex mutex_;
  std::vector<Task> tasks_;
  bool closed_ = false;
  int wake_ = -1;
};

// The caller's hand on a job. It keeps only the mailbox, which outlives the loop.
template <typename Loop, typename Job>
class LoopProcess final : public RemoteProcess {
 public:
  LoopProcess(std::shared_ptr<LoopMailbox<Loop>> mailbox, std::weak_ptr<Job> job)
      : mailbox_(std::move(mailbox)), job_(std::move(job)) {}
  ~LoopProcess() override { cancel(); }

  void write(std::string bytes) override {
    mailbox_->post([job = job_, bytes = std::move(bytes)](Loop& loop) { loop.write(job.lock(), bytes); });
  }
  void closeInput() override {
    mailbox_->post([job = job_](Loop& loop) { loop.closeInput(job.lock()); });
  }
  // Not virtual here: the destructor calls it.
  void cancel() final {
    mailbox_->post([job = job_](Loop& loop) { loop.cancel(job.lock()); });
  }

 private:
  std::shared_ptr<LoopMailbox<Loop>> mailbox_;
  std::weak_ptr<Job> job_;
};

}  // namespace slipway::transport
