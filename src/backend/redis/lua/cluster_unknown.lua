-- Those of the ids that the index does not know.
local unknown = {}
for _, id in ipairs(ARGV) do
  if redis.call('HEXISTS', KNOWN, id) == 0 then unknown[#unknown + 1] = id end
end
return unknown
