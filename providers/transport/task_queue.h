#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace slipway::transport {

// One thread that runs tasks in the order they came. Others keep only its Mailbox, which outlives it and then drops
// what is posted. Without a thread the owner calls step().
class TaskQueue {
 public:
  enum class Mode { Threaded, Stepped };

  class Mailbox {
   public:
    // Thread-safe, never blocks.
    void post(std::function<void()> task) {
      {
        const std::lock_guard lock(mutex_);
        if (closed_) {
          return;
        }
        tasks_.push_back(std::move(task));
      }
      wake_.notify_one();
    }

   private:
    friend class TaskQueue;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> tasks_;
    bool closed_ = false;
  };

  explicit TaskQueue(Mode mode = Mode::Threaded) : mailbox_(std::make_shared<Mailbox>()) {
    if (mode == Mode::Threaded) {
      thread_ = std::jthread([this] { run(); });
    }
  }
  // Runs what is queued, then ends the thread. Not from a task.
  ~TaskQueue() {
    {
      const std::lock_guard lock(mailbox_->mutex_);
      mailbox_->closed_ = true;
    }
    mailbox_->wake_.notify_one();
    if (!thread_.joinable()) {
      run();
    }
  }
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  void post(std::function<void()> task) { mailbox_->post(std::move(task)); }

  // Runs one task on the caller's thread; false when none waits. Only without a thread.
  bool step() {
    std::function<void()> task;
    {
      const std::lock_guard lock(mailbox_->mutex_);
      if (mailbox_->tasks_.empty()) {
        return false;
      }
      task = std::move(mailbox_->tasks_.front());
      mailbox_->tasks_.pop_front();
    }
    task();
    return true;
  }

 private:
  void run() {
    std::unique_lock lock(mailbox_->mutex_);
    for (;;) {
      mailbox_->wake_.wait(lock, [this] { return mailbox_->closed_ || !mailbox_->tasks_.empty(); });
      if (mailbox_->tasks_.empty()) {
        return;
      }
      std::function<void()> task = std::move(mailbox_->tasks_.front());
      mailbox_->tasks_.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // outside the lock: the end of what it holds may post
      lock.lock();
    }
  }

  std::shared_ptr<Mailbox> mailbox_;
  std::jthread thread_;
};

}  // namespace slipway::transport
