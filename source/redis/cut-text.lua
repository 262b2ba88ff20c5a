-- The beginning of a text, at most `longest` bytes that end between two characters, and how long the text is, or ''
-- where it is whole.
local function cutText(text, longest)
  if #text <= longest then return text, '' end
  local last = longest
  while last > 0 and last > longest - 4 and string.find(text, '^[\128-\191]', last + 1) do last = last - 1 end
  return string.sub(text, 1, last), #text
end
