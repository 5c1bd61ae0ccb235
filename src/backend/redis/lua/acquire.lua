-- KEYS: lease, last token of all, last token of this lease. ARGV: for how long, for how long it is remembered.
-- Tokens only grow, also when the counter is lost: none is below the server's clock in microseconds.
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local time = redis.call('TIME')
local token = math.max(tonumber(redis.call('GET', KEYS[2]) or 0) + 1, time[1] * 1000000 + time[2])
token = string.format('%.0f', token)
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], token, 'PX', ARGV[1])
redis.call('SET', KEYS[3], token, 'PX', ARGV[2])
return token
