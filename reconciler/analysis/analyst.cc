#include "reconciler/analysis/analyst.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "reconciler/analysis/condition.h"
#include "reconciler/analysis/placeholders.h"
#include "reconciler/analysis/reading.h"
#include "reconciler/base/strings.h"

namespace slipway::analysis {
namespace {

using Done = std::function<void(Measurement)>;

std::string percentEncoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out += static_cast<char>(c);
    } else {
      out += {'%', kHex[c >> 4U], kHex[c & 15U]};
    }
  }
  return out;
}

// Whether the numbers are based on enough samples.
Reading withSamples(Reading reading, const Reading& samples, int least) {
  if (samples.kind == Reading::Kind::Error) {
    return Reading::error(cat("Samples: ", samples.problem));
  }
  double sum = 0;
  for (const double number : samples.numbers) {
    sum += number;
  }
  if (sum < least) {
    return Reading::noData(cat("TooFewSamples: there are fewer than the ", least, " samples that it takes"));
  }
  return reading;
}

Measurement unjudged(MeasurementResult result, const Reading& reading, std::string message) {
  return {result, textOf(reading), std::move(message)};
}

// Failure goes first; what neither says is inconclusive.
Measurement judge(const AnalysisMetric& metric, const Reading& reading) {
  if (reading.kind != Reading::Kind::Numbers) {
    const bool none = reading.kind == Reading::Kind::NoData;
    return unjudged(none ? MeasurementResult::NoData : MeasurementResult::Error, reading, reading.problem);
  }
  bool success = metric.successCondition.empty();
  bool failure = false;
  for (const bool ofFailure : {true, false}) {
    const std::string& text = ofFailure ? metric.failureCondition : metric.successCondition;
    if (text.empty()) {
      continue;
    }
    const Result<Condition> condition = Condition::compile(text);
    const Result<bool> holds = condition ? condition->holds(reading) : Result<bool>(condition.status());
    if (!holds) {
      return unjudged(MeasurementResult::Error, reading, cat("Condition: ", holds.status().message()));
    }
    (ofFailure ? failure : success) = *holds;
  }
  if (metric.failureCondition.empty()) {
    failure = !success;
  }
  return {failure   ? MeasurementResult::Failed
          : success ? MeasurementResult::Successful
                    : MeasurementResult::Inconclusive,
          textOf(reading),
          {}};
}

Reading errorOf(const Status& status) { return Reading::error(cat(codeName(status.code()), ": ", status.message())); }

// A query and, where samples are counted, a second one.
class PrometheusMeasurement : public std::enable_shared_from_this<PrometheusMeasurement> {
 public:
  PrometheusMeasurement(HttpClient& http, Clock& clock, MeasurementRequest request, Done done)
      : http_(http), clock_(clock), request_(std::move(request)), done_(std::move(done)) {}

  void begin() {
    deadline_ = clock_.steady() + request_.metric.timeout;
    ask(request_.metric.prometheus->query, [](PrometheusMeasurement& self, Reading reading) {
      if (reading.kind != Reading::Kind::Numbers || self.request_.metric.prometheus->samples.empty()) {
        self.done_(judge(self.request_.metric, reading));
        return;
      }
      self.reading_ = std::move(reading);
      self.askSamples();
    });
  }

 private:
  using Then = std::function<void(PrometheusMeasurement&, Reading)>;

  void askSamples() {
    ask(request_.metric.prometheus->samples, [](PrometheusMeasurement& self, const Reading& samples) {
      const AnalysisMetric& metric = self.request_.metric;
      self.done_(judge(metric, withSamples(std::move(self.reading_), samples, metric.minSamples)));
    });
  }

  void ask(const std::string& query, Then then) {
    std::string address = fillIn(request_.metric.prometheus->address, request_.args);
    while (address.ends_with('/')) {
      address.pop_back();
    }
    HttpClientRequest request;
    request.url = cat(address, "/api/v1/query?query=", percentEncoded(fillIn(query, request_.args)));
    request.headers = {{"Accept", "application/json"}};
    request.timeout = std::max<Duration>(deadline_ - clock_.steady(), std::chrono::milliseconds(1));
    http_.send(std::move(request),
               [self = shared_from_this(), then = std::move(then)](const Result<HttpClientResponse>& answer) {
                 then(*self, answer ? readPrometheus(answer->status, answer->body) : errorOf(answer.status()));
               });
  }

  HttpClient& http_;
  Clock& clock_;
  const MeasurementRequest request_;
  Done done_;
  SteadyTime deadline_{};
  Reading reading_;
};

void measureHttp(HttpClient& http, const MeasurementRequest& measurement, Done done) {
  const HttpProvider& provider = *measurement.metric.http;
  HttpClientRequest request;
  request.method = provider.method;
  request.url = fillIn(provider.url, measurement.args);
  request.body = fillIn(provider.body, measurement.args);
  for (const auto& [name, value] : provider.headers) {
    request.headers.emplace_back(name, fillIn(value, measurement.args));
  }
  request.timeout = measurement.metric.timeout;
  http.send(std::move(request),
            [metric = measurement.metric, done = std::move(done)](const Result<HttpClientResponse>& answer) {
              if (!answer) {
                done(judge(metric, errorOf(answer.status())));
                return;
              }
              Reading reading = readJson(answer->status, answer->body, metric.http->value);
              if (reading.kind == Reading::Kind::Numbers && !metric.http->samples.empty()) {
                reading = withSamples(std::move(reading), readJson(answer->status, answer->body, metric.http->samples),
                                      metric.minSamples);
              }
              done(judge(metric, reading));
            });
}

// One command on several servers; thread-safe.
class CommandMeasurement {
 public:
  CommandMeasurement(AnalysisMetric metric, std::size_t servers, Done done)
      : metric_(std::move(metric)), outputs_(servers), results_(servers), waiting_(servers), done_(std::move(done)) {}

  void print(std::size_t server, std::string_view text) {
    constexpr std::size_t kKept = 4U << 10U;  // the number is the last line
    const std::lock_guard lock(mutex_);
    std::string& output = outputs_[server];
    output += text;
    output.erase(0, output.size() - std::min(output.size(), kKept));
  }

  void end(std::size_t server, const std::string& name, const StepResult& result) {
    {
      const std::lock_guard lock(mutex_);
      results_[server] =
          result.outcome != StepResult::Outcome::Done ? failure(name, result) : readOutput(outputs_[server]);
      if (--waiting_ > 0) {
        return;
      }
    }
    done_(judge(metric_, together()));
  }

 private:
  static Reading failure(const std::string& name, const StepResult& result) {
    return Reading::error(result.exitCode > 0 ? cat("CommandFailed: exit code ", result.exitCode, " on ", name)
                                              : cat("CommandFailed: ", codeName(result.status.code()), " on ", name));
  }

  Reading together() const {
    std::vector<double> numbers;
    for (const Reading& reading : results_) {
      if (reading.kind == Reading::Kind::Error) {
        return reading;
      }
    }
    for (const Reading& reading : results_) {
      if (reading.kind == Reading::Kind::NoData) {
        return reading;
      }
      numbers.push_back(reading.numbers.front());
    }
    return readingOf(std::move(numbers), metric_.command->servers == CommandServers::All);
  }

  const AnalysisMetric metric_;
  std::mutex mutex_;
  std::vector<std::string> outputs_;
  std::vector<Reading> results_;
  std::size_t waiting_;
  const Done done_;
};

void measureCommand(Provider& provider, Clock& clock, MeasurementRequest measurement, Done done) {
  const CommandProvider command = *measurement.metric.command;
  std::vector<StepRequest> wave = std::move(measurement.servers);
  if (wave.empty()) {
    done(judge(measurement.metric, Reading::error("NoServer: no server runs the new version now")));
    return;
  }
  if (command.servers == CommandServers::First) {
    wave.resize(1);
  }
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < wave.size(); ++i) {
    places[wave[i].operationId] = i;
    wave[i].deadline = clock.steady() + measurement.metric.timeout;
    if (auto* look = std::get_if<VerifyStep>(&wave[i].action)) {
      look->exec = ExecCheck{fillIn(command.run, measurement.args), measurement.metric.timeout};
    }
  }
  const auto gathering = std::make_shared<CommandMeasurement>(measurement.metric, wave.size(), std::move(done));
  StepEvents events;
  events.output = [gathering, places](const StepRequest& request, std::string_view text) {
    gathering->print(places.at(request.operationId), text);
  };
  events.progress = [](const StepRequest&, const std::string&) {};
  events.done = [gathering, places](const StepRequest& request, const StepResult& result) {
    gathering->end(places.at(request.operationId), request.target.name, result);
  };
  provider.start(std::move(wave), std::move(events));
}

class PortsAnalyst final : public Analyst {
 public:
  explicit PortsAnalyst(const AnalystPorts& ports) : ports_(ports) {}

  void measure(MeasurementRequest request, Done done) override {
    if (request.metric.prometheus.has_value()) {
      std::make_shared<PrometheusMeasurement>(ports_.http, ports_.clock, std::move(request), std::move(done))->begin();
    } else if (request.metric.http.has_value()) {
      measureHttp(ports_.http, request, std::move(done));
    } else if (request.metric.command.has_value()) {
      measureCommand(ports_.provider, ports_.clock, std::move(request), std::move(done));
    } else {
      done({MeasurementResult::Error, {}, "NoProvider: the metric has no provider"});
    }
  }

 private:
  const AnalystPorts ports_;
};

}  // namespace

std::unique_ptr<Analyst> newAnalyst(const AnalystPorts& ports) { return std::make_unique<PortsAnalyst>(ports); }

}  // namespace slipway::analysis
