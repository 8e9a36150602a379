# SPDX-License-Identifier: Apache-2.0
#
# Hashes, lists and strings as a Perl program makes them.

use strict;
use warnings;

my $total = 0;
for my $turn (1 .. $ARGV[0]) {
    my %seen;
    my @records = map { { id => $_, name => "record $_", tags => [ "a", "b", $_ ] } } 1 .. 500;
    for my $record (@records) {
        my $key = join(",", $record->{name}, @{ $record->{tags} });
        $key =~ s/record (\d+)/r$1/;
        $seen{ substr($key, 0, 3) } .= $key;
    }
    $total += length($seen{$_}) for sort keys %seen;
}
print "$total\n";
