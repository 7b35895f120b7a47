-- wrk's load: each request submits a package that was never submitted before. With "mixed" every
-- other request asks how a task stands that was submitted earlier.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  mixed = args[2] == "mixed"
  -- Unique over all runs against one database.
  prefix, count = args[1] .. "-" .. number, 0
  headers = { ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY"), ["Content-Type"] = "application/json" }
end

function request()
  count = count + 1
  if mixed and count % 2 == 0 then
    return wrk.format("GET", "/api/v1/task/" .. math.floor(count / 2) .. "/", headers)
  end
  local body = '{"purl": "pkg:pypi/' .. prefix .. "-" .. count .. '@1.0"}'
  return wrk.format("POST", "/api/v1/analyze/", headers, body)
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format(
    'bench {"requests": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "mean": %.3f, "max": %.3f, "failed": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency.mean / 1e3, latency.max / 1e3, failed))
end
