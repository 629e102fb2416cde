#include "providers/transport/http_client.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include <curl/curl.h>

#include "providers/transport/http_exchange.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

constexpr std::size_t kGuardedBody = 64U << 10U;

// All curl handles belong to one thread; callers and timers only leave orders for it. What ends an exchange by time is
// the Clock: curl's own limits stay off.
class CurlHttpClient final : public HttpClient {
 public:
  CurlHttpClient(Clock& clock, Metrics& metrics, std::shared_ptr<const OutboundRules> rules)
      : clock_(clock),
        metrics_(metrics),
        rules_(std::move(rules)),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  ~CurlHttpClient() override {
    thread_.request_stop();
    curl_multi_wakeup(multi_.get());
    thread_.join();
  }

  void send(HttpClientRequest request, std::function<void(Result<HttpClientResponse>)> done) override {
    const Duration timeout = request.timeout;
    if (Status valid = checkRequest(request); !valid) {
      done(valid);
      return;
    }
    if (rules_ != nullptr) {
      request.bodyLimit = std::min(request.bodyLimit, kGuardedBody);
    }
    submit(rules_ == nullptr ? "http" : "outbound", newHttpExchange(std::move(request), rules_, std::move(done)),
           timeout);
  }

  void connect(const std::string& host, int port, Duration timeout, std::function<void(Status)> done) override {
    if (Status valid = checkAddress(host, port); !valid) {
      done(valid);
      return;
    }
    submit("tcp", newConnectExchange(host, port, rules_, std::move(done)), timeout);
  }

 private:
  struct Inbox {
    std::mutex mutex;
    std::vector<std::pair<std::uint64_t, std::unique_ptr<Exchange>>> started;
    std::vector<std::uint64_t> expired;
  };
  struct Open {
    std::unique_ptr<Exchange> exchange;
    Duration timeout{0};
    std::uint64_t timer = 0;
  };

  void submit(std::string_view type, std::unique_ptr<Exchange> exchange, Duration timeout) {
    exchange->type = type;
    exchange->timeout = timeout;
    exchange->begun = clock_.steady();
    {
      const std::lock_guard lock(inbox_->mutex);
      inbox_->started.emplace_back(++lastId_, std::move(exchange));
    }
    curl_multi_wakeup(multi_.get());
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      takeOrders();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      reap();
      constexpr int kIdleMillis = 60'000;
      curl_multi_poll(multi_.get(), nullptr, 0, kIdleMillis, nullptr);
    }
    takeOrders();
    while (!open_.empty()) {
      finish(open_.begin(), Status(Code::Cancelled, "the client is shutting down"));
    }
  }

  void takeOrders() {
    std::vector<std::pair<std::uint64_t, std::unique_ptr<Exchange>>> started;
    std::vector<std::uint64_t> expired;
    {
      const std::lock_guard lock(inbox_->mutex);
      started.swap(inbox_->started);
      expired.swap(inbox_->expired);
    }
    for (auto& [id, exchange] : started) {
      begin(id, std::move(exchange));
    }
    for (const std::uint64_t id : expired) {
      if (const auto it = open_.find(id); it != open_.end()) {
        const std::string limit = formatDuration(it->second.timeout);
        finish(it, Status(Code::Timeout, cat(it->second.exchange->subject(), ": no answer within ", limit)));
      }
    }
  }

  void begin(std::uint64_t id, std::unique_ptr<Exchange> exchange) {
    Open entry{std::move(exchange)};
    entry.timeout = entry.exchange->timeout;
    CURL* handle = entry.exchange->handle();
    // The timer may fire after this client is gone: it holds only the inbox, which outlives both.
    entry.timer = clock_.startTimer(clock_.steady() + entry.timeout, [inbox = inbox_, multi = multi_, id] {
      const std::lock_guard lock(inbox->mutex);
      inbox->expired.push_back(id);
      curl_multi_wakeup(multi.get());
    });
    byHandle_[handle] = id;
    curl_multi_add_handle(multi_.get(), handle);
    open_.emplace(id, std::move(entry));
  }

  void reap() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) {
        continue;
      }
      const auto it = open_.find(byHandle_[message->easy_handle]);
      finish(it, it->second.exchange->outcome(message->data.result));
    }
  }

  void finish(std::map<std::uint64_t, Open>::iterator it, const Status& outcome) {
    Open entry = std::move(it->second);
    open_.erase(it);
    byHandle_.erase(entry.exchange->handle());
    clock_.cancelTimer(entry.timer);
    curl_multi_remove_handle(multi_.get(), entry.exchange->handle());
    measure(*entry.exchange, outcome);
    entry.exchange->done(outcome);
  }

  void measure(const Exchange& exchange, const Status& outcome) {
    const std::string type(exchange.type);
    metrics_.add("slipway_http_exchanges_total",
                 {{"type", type}, {"result", outcome ? "ok" : std::string(codeName(outcome.code()))}});
    metrics_.observe("slipway_http_exchange_duration_seconds", {{"type", type}},
                     std::chrono::duration<double>(clock_.steady() - exchange.begun).count());
  }

  Clock& clock_;
  Metrics& metrics_;
  const std::shared_ptr<const OutboundRules> rules_;
  const std::shared_ptr<CURLM> multi_{curl_multi_init(), [](CURLM* multi) { curl_multi_cleanup(multi); }};
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::uint64_t lastId_ = 0;  // guarded by inbox_->mutex
  std::map<std::uint64_t, Open> open_;
  std::map<CURL*, std::uint64_t> byHandle_;
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<HttpClient> newHttpClient(Clock& clock, Metrics& metrics) {
  return std::make_unique<CurlHttpClient>(clock, metrics, nullptr);
}

std::unique_ptr<HttpClient> newGuardedHttpClient(Clock& clock, Metrics& metrics,
                                                 std::shared_ptr<const OutboundRules> rules) {
  return std::make_unique<CurlHttpClient>(clock, metrics, std::move(rules));
}

}  // namespace slipway::transport
