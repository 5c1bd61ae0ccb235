-- The same for entries whose lengths are known: pairs of id and length.
local now, live = ARGV[1], {}
for i = 2, #ARGV, 2 do
  local id, length = ARGV[i], tonumber(ARGV[i + 1])
  if length == 0 then forget(id) elseif lives(id, length, now) then live[#live + 1] = id end
end
return live
