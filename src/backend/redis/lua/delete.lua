local count = 0
for _, id in ipairs(ARGV) do
  local e, h = keys_of(id)
  count = count + redis.call('UNLINK', e)
  redis.call('UNLINK', h)
  forget(id)
end
return count
