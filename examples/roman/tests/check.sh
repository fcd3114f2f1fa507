set -e
for pair in 1=I 4=IV 9=IX 14=XIV 40=XL 1994=MCMXCIV 3999=MMMCMXCIX; do
    got=$(./roman "${pair%=*}")
    [ "$got" = "${pair#*=}" ] || { echo "${pair%=*}: expected ${pair#*=}, got $got"; exit 1; }
done
echo "all good"
