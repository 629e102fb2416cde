#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/apiserver/forms/resource_info.h"
#include "reconciler/base/json.h"
#include "reconciler/base/status.h"
#include "reconciler/schema/field_error.h"

namespace slipway::apiserver {

// A refusal in the words of the Kubernetes API: what a client gets as a Status document.
struct ApiError {
  int code = 500;
  std::string reason;
  std::string message;
  Json details;  // null: none
  // For failures that HTTP has no words for (DataLoss); else derived from code and reason.
  std::optional<Code> cause;
  std::string resume;  // a continue token with which an expired list may go on, inconsistently

  Json document() const;
  // The same for callers inside the process.
  Status toStatus() const;
};

// Either a value or an ApiError.
template <typename T>
class [[nodiscard]] ApiResult {
 public:
  ApiResult(T value) : state_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  ApiResult(ApiError error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return std::holds_alternative<T>(state_); }
  // REQUIRES: there is a value.
  T& operator*() & { return std::get<T>(state_); }
  const T& operator*() const& { return std::get<T>(state_); }
  T&& operator*() && { return std::get<T>(std::move(state_)); }
  T* operator->() { return &std::get<T>(state_); }
  const T* operator->() const { return &std::get<T>(state_); }
  // REQUIRES: there is none.
  const ApiError& error() const { return std::get<ApiError>(state_); }

 private:
  std::variant<T, ApiError> state_;
};

// Nothing, or an error.
using ApiCheck = std::optional<ApiError>;

// The constructors below give the exact texts clients match on (kubectl does).
ApiError badRequest(std::string message);
ApiError notFound(const ResourceInfo& resource, std::string_view name);
ApiError namespaceNotFound(std::string_view ns);
// A path that no resource answers.
ApiError pathNotFound();
ApiError alreadyExists(const ResourceInfo& resource, std::string_view name, std::string_view prefix = {});
ApiError conflict(const ResourceInfo& resource, std::string_view name, std::string_view why = {});
ApiError invalidObject(const ResourceInfo& resource, std::string_view name,
                       const std::vector<schema::FieldError>& errors);
// `options` is ListOptions, CreateOptions, UpdateOptions, PatchOptions or DeleteOptions.
ApiError invalidOption(std::string_view options, const schema::FieldError& error);
ApiError forbidden(const ResourceInfo& resource, std::string_view name, std::string_view why);
ApiError namespaceTerminating(const ResourceInfo& resource, std::string_view name, std::string_view ns);
ApiError methodNotAllowed();
ApiError notAcceptable();
ApiError unsupportedMediaType(const std::vector<std::string>& accepted);
ApiError tooLarge(std::size_t limit);
ApiError expired(std::string message);
ApiError tooLargeResourceVersion(std::uint64_t asked, std::uint64_t current);
ApiError badResourceVersion(std::string_view text);
ApiError internalError(std::string message);
// What the store said.
ApiError storeError(const Status& status);

// details{name, group, kind} as most errors and the Success document of a deletion carry them.
Json detailsOf(const ResourceInfo& resource, std::string_view name);

HttpResponse toResponse(const ApiError& error);

}  // namespace slipway::apiserver
