#include "reconciler/apiserver/listener/http_listener.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include "reconciler/apiserver/listener/http_listener_session.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAcceptRetry = std::chrono::milliseconds(100);  // when out of descriptors
constexpr auto kAbortWait = std::chrono::seconds(5);

// Threads that run handlers. Tasks that wait at the end are run, so that every request gets its answer.
class HandlerPool {
 public:
  HandlerPool(int threads, std::size_t limit, Logger& logger) : limit_(limit), logger_(logger) {
    for (int index = 0; index < threads; ++index) {
      threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
    }
  }

  bool submit(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= limit_) {
      return false;
    }
    tasks_.push_back(std::move(task));
    changed_.notify_one();
    return true;
  }

  void stop() {
    for (std::jthread& thread : threads_) {
      thread.request_stop();
    }
    threads_.clear();
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !tasks_.empty(); })) {
      std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      try {
        task();
      } catch (const std::exception& failure) {
        logger_.error("a request handler failed", {{"error", failure.what()}});
      } catch (...) {
        logger_.error("a request handler failed", {{"error", "unknown"}});
      }
      task = nullptr;  // an answer that was never given is given now, outside the lock
      lock.lock();
    }
  }

  std::size_t limit_;
  Logger& logger_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::jthread> threads_;
};

}  // namespace

class HttpListener::State final : public HttpSessionOwner {
 public:
  State(HttpListenerOptions options, HttpListenerParts parts)
      : options_(std::move(options)),
        parts_(std::move(parts)),
        acceptor_(asio::make_strand(io_)),
        retry_(acceptor_.get_executor()),
        pool_(options_.handlerThreads, options_.maxWaiting, parts_.logger) {}

  ~State() override { stop(Duration(0)); }

  Status open() {
    error_code error;
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) {
      return {Code::Invalid, cat("listen address \"", options_.address, "\" is not an IP address")};
    }
    const tcp::endpoint endpoint(address, options_.port);
    const auto failed = [&](std::string_view what) {
      return Status(Code::Unavailable,
                    cat("cannot ", what, ' ', options_.address, " port ", options_.port, ": ", error.message()));
    };
    if (acceptor_.open(endpoint.protocol(), error); error) {
      return failed("open a socket for");
    }
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (acceptor_.bind(endpoint, error); error) {
      return failed("bind");
    }
    if (acceptor_.listen(asio::socket_base::max_listen_connections, error); error) {
      return failed("listen on");
    }
    port_ = acceptor_.local_endpoint(error).port();
    accept();
    for (int index = 0; index < options_.ioThreads; ++index) {
      threads_.emplace_back([this] { io_.run(); });
    }
    return Status::ok();
  }

  std::uint16_t port() const { return port_; }

  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return sessions_.size();
  }

  bool submit(std::function<void()> task) override { return pool_.submit(std::move(task)); }

  void ended(HttpListenerSession* session) override {
    std::shared_ptr<HttpListenerSession> last;
    const std::lock_guard lock(mutex_);
    auto found = sessions_.find(session);
    if (found != sessions_.end()) {
      last = std::move(found->second);
      sessions_.erase(found);
      changed_.notify_all();
    }
  }

  void stop(Duration grace) {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopping_, true)) {
        return;
      }
    }
    asio::post(acceptor_.get_executor(), [this] {
      error_code ignored;
      acceptor_.close(ignored);
      retry_.cancel();
    });
    for (const auto& session : current()) {
      session->drain();
    }
    waitUntilEmpty(grace);
    for (const auto& session : current()) {
      session->abort();
    }
    waitUntilEmpty(kAbortWait);
    pool_.stop();
    work_.reset();
    io_.stop();
    threads_.clear();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) { accepted(error, std::move(socket)); });
  }

  void accepted(error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor_.is_open()) {
      return;
    }
    if (error) {
      parts_.logger.warn("cannot accept a connection", {{"error", error.message()}});
      retry_.expires_after(kAcceptRetry);
      retry_.async_wait([this](error_code cancelled) {
        if (!cancelled) {
          accept();
        }
      });
      return;
    }
    add(std::move(socket));
    accept();
  }

  void add(tcp::socket socket) {
    std::shared_ptr<HttpListenerSession> session;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || sessions_.size() >= options_.maxConnections) {
        return;
      }
      error_code error;
      const int descriptor = socket.release(error);
      if (error) {
        return;
      }
      session = HttpListenerSession::create(io_, descriptor, {options_, parts_, *this});
      if (!session) {
        return;
      }
      sessions_.emplace(session.get(), session);
    }
    session->start();
  }

  std::vector<std::shared_ptr<HttpListenerSession>> current() const {
    std::vector<std::shared_ptr<HttpListenerSession>> all;
    const std::lock_guard lock(mutex_);
    for (const auto& [key, session] : sessions_) {
      all.push_back(session);
    }
    return all;
  }

  void waitUntilEmpty(Duration most) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, most, [this] { return sessions_.empty(); });
  }

  const HttpListenerOptions options_;
  const HttpListenerParts parts_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::map<HttpListenerSession*, std::shared_ptr<HttpListenerSession>> sessions_;
  HandlerPool pool_;
  std::vector<std::jthread> threads_;
};

HttpListener::HttpListener(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpListener::~HttpListener() = default;

Result<std::unique_ptr<HttpListener>> HttpListener::start(HttpListenerOptions options, HttpListenerParts parts) {
  auto state = std::make_unique<State>(std::move(options), std::move(parts));
  SLIPWAY_RETURN_IF_ERROR(state->open());
  return std::unique_ptr<HttpListener>(new HttpListener(std::move(state)));
}

std::uint16_t HttpListener::port() const { return state_->port(); }
std::size_t HttpListener::connections() const { return state_->connections(); }
void HttpListener::stop(Duration grace) { state_->stop(grace); }

}  // namespace slipway::apiserver
