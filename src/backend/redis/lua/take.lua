-- KEYS: buckets. ARGV: of each its tokens per second, and the tokens of a full one.
-- Takes one token of each, or none of any: then the place of the emptiest, and the milliseconds until it has one.
-- The arithmetic is that of `limits/bucket.rs`.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local left, longest, place = {}, 0, 0
for i, key in ipairs(KEYS) do
    local rate, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local tokens, at = burst, now
    local known = redis.call('GET', key)
    if known then
        local t, a = string.match(known, '^(%S+) (%S+)$')
        tokens, at = tonumber(t) or burst, tonumber(a) or now
        if now >= at then
            tokens, at = tokens + (now - at) * rate, now
        elseif at - now > burst / rate then
            at = now
        end
        tokens = math.min(tokens, burst)
    end
    if 1 - tokens > 0.000001 then
        local wait = math.ceil((1 - tokens) / rate * 1000)
        if wait >= longest then longest, place = wait, i end
    end
    left[i] = {tokens - 1, at, math.ceil((burst - tokens + 1) / rate * 1000) + 1}
end
if place > 0 then return {place - 1, longest} end
for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.9f %.6f', left[i][1], left[i][2]), 'PX', string.format('%.0f', left[i][3]))
end
return {}
