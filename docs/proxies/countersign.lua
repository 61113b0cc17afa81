-- Asks Countersign about each request before HAProxy passes it on. The body is not read.

local CHECK = "http://127.0.0.1:3000/forward-auth"
local IDENTITY = { "remote-user", "remote-email", "remote-groups", "remote-subject", "remote-level" }

-- Of one connection only, or said by us.
local LEFT_OUT = {
  ["host"] = true, ["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true,
  ["te"] = true, ["keep-alive"] = true, ["x-forwarded-proto"] = true, ["x-forwarded-host"] = true,
  ["x-forwarded-uri"] = true, ["x-forwarded-method"] = true,
}

local function first(values)
  for _, value in pairs(values or {}) do return value end
  return ""
end

local function question(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not LEFT_OUT[name] then
      local list = {}
      for _, value in pairs(values) do list[#list + 1] = value end
      headers[name] = list
    end
  end
  headers["x-forwarded-proto"] = { txn.sf:ssl_fc() == "1" and "https" or "http" }
  headers["x-forwarded-host"] = { txn.sf:req_fhdr("host") }
  headers["x-forwarded-uri"] = { txn.sf:pathq() }
  headers["x-forwarded-method"] = { txn.sf:method() }
  return headers
end

core.register_action("countersign", { "http-req" }, function(txn)
  local answer = core.httpclient():get{ url = CHECK, headers = question(txn), timeout = 5000 }
  local status = answer and answer.status or 0
  if status == 200 then
    for _, name in ipairs(IDENTITY) do
      txn.http:req_set_header(name, first(answer.headers[name]))
    end
    return
  end
  local reply = txn:reply{ status = status >= 300 and status or 503 }
  for name, values in pairs(answer and answer.headers or {}) do
    if name ~= "content-length" and name ~= "transfer-encoding" and name ~= "connection" and name ~= "keep-alive" then
      for _, value in pairs(values) do reply:add_header(name, value) end
    end
  end
  reply:set_body(answer and answer.body or "")
  txn:done(reply)
end, 0)
