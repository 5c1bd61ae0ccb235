-- Strikes off up to so many ended entries: their ids, whose entries must go.
local ended = redis.call('ZRANGEBYSCORE', ENDS, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ended) do forget(id) end
return ended
