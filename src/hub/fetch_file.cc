// SPDX-License-Identifier: Apache-2.0

#include "hub/fetch_file.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/human_units.h"
#include "hub/blob_hash.h"
#include "hub/part_file.h"
#include "hub/repository.h"

namespace altteul::hub {
namespace {

constexpr uint64_t kMostPieces = 256;  // few enough that requests do not count
constexpr size_t kSha1Digits = 40;
constexpr int kSameAnswers = 2;  // of one machine behind an address that knows another version
constexpr double kSlice = 0.1;   // [s] of a wait between two questions whether to go on

class Fetcher {
 public:
  Fetcher(const FileToFetch& file, const FetchOptions& options) : file_(file), options_(options) {}

  Result<Fetched> Run() {
    ALT_ASSIGN_OR_RETURN(part_, OpenPart());
    ALT_RETURN_IF_ERROR(TakeHead());
    fetched_.kept_bytes = part_->DoneInAll();
    for (bool again = false;; again = true) {
      ALT_RETURN_IF_ERROR(FetchPieces());
      if (file_.hash.empty()) break;
      ALT_ASSIGN_OR_RETURN(const std::string hash, HashOfPart());
      if (hash == file_.hash) break;
      part_.reset();
      PartFile::Forget(file_.path);
      const std::string wrong =
          file_.url + ": what came has the hash " + hash + " instead of " + file_.hash;
      if (again) return Status(ErrorCode::kCorruptFile, wrong);
      if (options_.log) options_.log(LogLevel::kWarning, wrong + "; it is fetched again");
      ALT_ASSIGN_OR_RETURN(part_, OpenPart());
    }
    ALT_RETURN_IF_ERROR(part_->Publish());
    return fetched_;
  }

 private:
  Result<PartFile> OpenPart() const {
    const uint64_t even = (file_.bytes + kMostPieces - 1) / kMostPieces;
    const uint64_t piece_bytes =
        in_order_ ? std::max<uint64_t>(1, file_.bytes) : std::max(options_.least_piece_bytes, even);
    return PartFile::Open(
        {.path = file_.path, .bytes = file_.bytes, .piece_bytes = piece_bytes, .hash = file_.hash});
  }

  /// What of the head the pieces lack. Only once: when the hash is wrong, nothing is trusted.
  Status TakeHead() {
    const auto head = std::as_bytes(std::span(file_.head));
    for (size_t piece = 0; piece < part_->n_pieces() && part_->Begin(piece) < head.size();
         ++piece) {
      const uint64_t known = std::min(part_->Size(piece), head.size() - part_->Begin(piece));
      const uint64_t done = part_->Done(piece);
      if (done >= known) continue;
      ALT_RETURN_IF_ERROR(
          part_->Append(piece, head.subspan(part_->Begin(piece) + done, known - done)));
    }
    return Status();
  }

  /// Of what came: of the kinds that the given hash may be of the one that is right, if one is.
  Result<std::string> HashOfPart() const {
    const auto goes_on = [this](uint64_t, uint64_t) { return GoesOn(); };
    ALT_ASSIGN_OR_RETURN(std::string hash, HashOfFile(part_->path(), file_.hash, goes_on));
    if (hash == file_.hash || !file_.is_hash_of_etag || hash.size() != kSha1Digits) return hash;
    ALT_ASSIGN_OR_RETURN(const std::string plain, PlainSha1OfFile(part_->path(), goes_on));
    return plain == file_.hash ? plain : hash;
  }

  // --- all pieces ---

  Status FetchPieces() {
    ALT_RETURN_IF_ERROR(RunWorkers());
    if (!lacks_ranges_ || in_order_) return Status();
    // From the beginning to the end, over one connection, as such a server does it.
    in_order_ = true;
    part_.reset();
    ALT_ASSIGN_OR_RETURN(part_, OpenPart());
    return RunWorkers();
  }

  Status RunWorkers() {
    next_ = 0;
    stop_ = false;
    failed_ = Status();
    size_t n_open = 0;
    for (size_t piece = 0; piece < part_->n_pieces(); ++piece) {
      n_open += part_->Done(piece) < part_->Size(piece) ? 1 : 0;
    }
    const size_t n_workers =
        std::min(n_open, static_cast<size_t>(std::max(1, options_.connections)));
    std::vector<std::thread> others;
    try {
      for (size_t i = 1; i < n_workers; ++i) others.emplace_back([this] { Work(); });
    } catch (const std::system_error&) {
      // The system has no more threads: those that there are do it.
    }
    if (n_workers > 0) Work();
    for (std::thread& other : others) other.join();
    return failed_;
  }

  /// Piece after piece, until none is left or one thread failed.
  void Work() {
    HttpOptions http = options_.http;
    http.go_on = [this] { return GoesOn(); };
    auto client = HttpClient::Create(http);
    if (!client.ok()) return Fail(client.status());
    while (!stop_) {
      const size_t piece = next_++;
      if (piece >= part_->n_pieces()) return;
      if (const Status done = FetchPiece(*client.value(), piece); !done.ok()) return Fail(done);
    }
  }

  bool GoesOn() const { return !stop_ && (!options_.http.go_on || options_.http.go_on()); }

  /// The first failure counts; those that follow are of the stop.
  void Fail(const Status& status) {
    const std::lock_guard lock(mutex_);
    if (!stop_) failed_ = status;
    stop_ = true;
  }

  // --- a piece ---

  Status FetchPiece(HttpClient& client, size_t piece) {
    double wait_s = options_.http.first_wait_s;
    int n_hopeless = 0;
    for (int barren = 0; part_->Done(piece) < part_->Size(piece);) {
      const uint64_t before = part_->Done(piece);
      const HttpRequest request{
          .url = file_.url,
          .key = options_.key,
          .range = ByteRange{part_->Begin(piece) + before, part_->Size(piece) - before}};
      bool is_hopeless = false;
      const auto received =
          client.Receive(request, [&](const HttpHead& head, std::span<const std::byte> bytes) {
            return Take(piece, *request.range, before, head, bytes, &is_hopeless);
          });
      if (stop_) return Status(ErrorCode::kCancelled, file_.url + ": fetching was stopped");
      double retry_after_s = 0;
      std::string reason;
      if (received.ok()) {
        const Reception& reception = received.value();
        if (part_->Done(piece) == part_->Size(piece)) return Status();
        if (!reception.is_whole && !reception.may_pass) return Refusal(reception);
        reason = reception.is_whole ? "the answer ended early" : reception.reason;
        retry_after_s = reception.retry_after_s;
      } else if (is_hopeless && ++n_hopeless == kSameAnswers) {
        return Status(ErrorCode::kNetwork, file_.url + ": " + received.status().message());
      } else if (received.status().code() == ErrorCode::kNetwork) {
        reason = received.status().message();  // what Take() did not like
      } else {
        return received.status();
      }
      if (part_->Done(piece) > before) {
        barren = 0;
        wait_s = options_.http.first_wait_s;
      } else if (++barren > options_.http.retries) {
        return Status(ErrorCode::kNetwork, file_.url + ": " + reason + ", at the end of " +
                                               std::to_string(barren) +
                                               " tries in which nothing came; try again later");
      }
      const double wait = std::min(std::max(wait_s, retry_after_s), options_.http.longest_wait_s);
      {
        const std::lock_guard lock(mutex_);
        SayWait(options_.http.log, WithoutKey(file_.url + ": " + reason, options_.key), wait,
                retry_after_s);
      }
      if (!Wait(wait)) return Status(ErrorCode::kCancelled, file_.url + ": fetching was stopped");
      wait_s *= 2;
    }
    return Status();
  }

  /// @param is_hopeless  becomes true where most likely another try would give the same
  /// @return kNetwork for an answer to another question
  Status Take(size_t piece, const ByteRange& asked, uint64_t before, const HttpHead& head,
              std::span<const std::byte> bytes, bool* is_hopeless) {
    const uint64_t came = part_->Done(piece) - before;
    if (came == 0) {
      const Status another = CheckFile(head);
      *is_hopeless = !another.ok();
      ALT_RETURN_IF_ERROR(another);
      ALT_RETURN_IF_ERROR(CheckAnswer(piece, asked, head));
    }
    if (bytes.size() > part_->Size(piece) - part_->Done(piece)) {
      return Status(ErrorCode::kNetwork, "more bytes came than were asked for");
    }
    ALT_RETURN_IF_ERROR(part_->Append(piece, bytes));
    const std::lock_guard lock(mutex_);
    fetched_.received_bytes += bytes.size();
    const uint64_t there = part_->DoneInAll();
    if (options_.progress && !options_.progress(there, file_.bytes)) {
      return Status(ErrorCode::kCancelled, file_.url + ": fetching was interrupted");
    }
    return Status();
  }

  /// Is it this file at all?
  Status CheckFile(const HttpHead& head) const {
    if (head.IsPage()) {
      return Status(ErrorCode::kNetwork,
                    "a page of HTML came in place of the file, as proxies and logins send it");
    }
    const auto part = head.PartSent();
    const auto length = head.headers.find("content-length");
    std::string bytes;
    if (part && part->total) bytes = std::to_string(*part->total);
    if (head.status != 206 && length != head.headers.end()) bytes = length->second;
    if (bytes.empty() || bytes == std::to_string(file_.bytes)) return Status();
    return Status(ErrorCode::kNetwork, "the file has " + bytes + " bytes, but the index says " +
                                           std::to_string(file_.bytes) +
                                           "; one of the two is of another version");
  }

  Status CheckAnswer(size_t piece, const ByteRange& asked, const HttpHead& head) {
    if (head.status != 206) {
      if (asked.first == 0 && asked.count == file_.bytes) return Status();
      // A server without ranges sends the whole file.
      if (in_order_) {
        part_->Restart(piece);
        return Status(ErrorCode::kNetwork, "the server cannot go on where it was cut off");
      }
      lacks_ranges_ = true;
      stop_ = true;
      return Status(ErrorCode::kCancelled, file_.url + ": the server has no ranges");
    }
    const auto part = head.PartSent();
    if (!part) return Status(ErrorCode::kNetwork, "the server does not say which part it sent");
    if (part->range.first != asked.first || part->range.count > asked.count) {
      return Status(ErrorCode::kNetwork, "the server sent " + FormatCount(part->range.count) +
                                             " bytes from " + FormatCount(part->range.first) +
                                             " on instead of " + FormatCount(asked.count) +
                                             " from " + FormatCount(asked.first) + " on");
    }
    return Status();
  }

  Status Refusal(const Reception& reception) const {
    const int status = reception.head.status;
    ErrorCode code = ErrorCode::kNetwork;
    if (status == 404 || status == 410) code = ErrorCode::kNotFound;
    if (status == 401 || status == 403) code = ErrorCode::kRefused;
    return Status(code, file_.url + ": " + reception.reason);
  }

  bool Wait(double seconds) const {
    for (double left = seconds; left > 0; left -= kSlice) {
      if (!GoesOn()) return false;
      const double slice = std::min(left, kSlice);
      if (options_.http.sleep) {
        options_.http.sleep(slice);
      } else {
        std::this_thread::sleep_for(std::chrono::duration<double>(slice));
      }
    }
    return GoesOn();
  }

  const FileToFetch& file_;
  const FetchOptions& options_;
  std::optional<PartFile> part_;
  bool in_order_ = false;  // one piece
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> stop_ = false, lacks_ranges_ = false;
  std::mutex mutex_;  // of what follows
  Status failed_;
  Fetched fetched_;
};

}  // namespace

Result<Fetched> FetchFile(const FileToFetch& file, const FetchOptions& options) {
  ALT_CHECK(file.hash.empty() || IsBlobHash(file.hash));
  return Fetcher(file, options).Run();
}

bool IsBegun(const std::string& path) { return PartFile::Exists(path); }

void ForgetFetched(const std::string& path) { PartFile::Forget(path); }

}  // namespace altteul::hub
