% Scores of the pictures beside this folder by the published definitions, for comparison with pixelmend.metrics.
%
% Runs in MATLAB (R2024a or later) with the Image Processing Toolbox, or in GNU Octave with its image package:
%     cd tests/golden/matlab; octave-cli --quiet ssim_psnr.m > expected.json
%
% For each pair, on the scale 0 to 255:
%   psnr, ssim                     of R, G and B, or of gray: one error over all channels, the mean of their SSIM
%   psnr_y, ssim_y                 of the luminance of rgb2ycbcr on doubles, which is not rounded
%   psnr_y_uint8, ssim_y_uint8     of the luminance of rgb2ycbcr on uint8, which rounds to whole numbers
%   ssim_replicate                 as ssim, by the definition of MATLAB's function "ssim": the picture is padded with
%                                  its edge, and every place counts
%   ssim_volume                    what MATLAB's "ssim" gives for a colour picture handed over whole: it takes the three
%                                  channels for the slices of a volume, under a window of three dimensions

1;  % a script, although functions follow

function value = psnr_of(restored, clean)
  difference = double(restored) - double(clean);
  value = 10 * log10(255 ^ 2 / mean(difference(:) .^ 2));
end

% Z. Wang, A. Bovik, H. Sheikh and E. Simoncelli, "Image quality assessment: from error visibility to structural
% similarity", IEEE Transactions on Image Processing, 2004, equation 13; local_mean says how neighbours are averaged.
function map = ssim_map(x, y, local_mean)
  c1 = (0.01 * 255) ^ 2;
  c2 = (0.03 * 255) ^ 2;
  mean_x = local_mean(x);
  mean_y = local_mean(y);
  variance_x = local_mean(x .^ 2) - mean_x .^ 2;
  variance_y = local_mean(y .^ 2) - mean_y .^ 2;
  covariance = local_mean(x .* y) - mean_x .* mean_y;
  map = ((2 * mean_x .* mean_y + c1) .* (2 * covariance + c2)) ./ ...
        ((mean_x .^ 2 + mean_y .^ 2 + c1) .* (variance_x + variance_y + c2));
end

function value = ssim_of(restored, clean, local_mean)
  scores = zeros(1, size(clean, 3));
  for channel = 1:size(clean, 3)
    map = ssim_map(double(restored(:, :, channel)), double(clean(:, :, channel)), local_mean);
    scores(channel) = mean(map(:));
  end
  value = mean(scores);
end

function line = field(name, value)
  line = sprintf('   "%s": %.6f', name, value);
end

if exist('OCTAVE_VERSION', 'builtin')
  pkg load image
  package = pkg('list', 'image');
  program = ['GNU Octave ' version() ', image ' package{1}.version];
else
  program = ['MATLAB ' version()];
end

window = fspecial('gaussian', 11, 1.5);
valid = @(plane) filter2(window, plane, 'valid');
replicate = @(plane) imfilter(plane, window, 'replicate');
axis_weights = fspecial('gaussian', [11 1], 1.5);
volume_window = window .* reshape(axis_weights, 1, 1, 11);
volume = @(picture) convn(padarray(picture, [5 5 5], 'replicate'), volume_window, 'valid');

pairs = {'parrots', 'parrots_noise25'; ...
         'motorcycles', 'motorcycles_blur_jpeg20'; ...
         'lighthouse_gray', 'lighthouse_gray_noise15'};
blocks = {};
for number = 1:size(pairs, 1)
  clean = imread(fullfile('..', 'pictures', [pairs{number, 1} '.png']));
  restored = imread(fullfile('..', 'pictures', [pairs{number, 2} '.png']));
  lines = {field('psnr', psnr_of(restored, clean)), ...
           field('ssim', ssim_of(restored, clean, valid)), ...
           field('ssim_replicate', ssim_of(restored, clean, replicate))};
  if size(clean, 3) == 3
    ycbcr = {rgb2ycbcr(double(restored) / 255), rgb2ycbcr(double(clean) / 255)};
    y = {ycbcr{1}(:, :, 1) * 255, ycbcr{2}(:, :, 1) * 255};
    ycbcr_uint8 = {rgb2ycbcr(restored), rgb2ycbcr(clean)};
    y_uint8 = {ycbcr_uint8{1}(:, :, 1), ycbcr_uint8{2}(:, :, 1)};
    map = ssim_map(double(restored), double(clean), volume);
    lines = [lines, {field('psnr_y', psnr_of(y{:})), ...
                     field('ssim_y', ssim_of(y{:}, valid)), ...
                     field('psnr_y_uint8', psnr_of(y_uint8{:})), ...
                     field('ssim_y_uint8', ssim_of(y_uint8{:}, valid)), ...
                     field('ssim_volume', mean(map(:)))}];
  end
  blocks{end + 1} = sprintf('  "%s": {\n   "clean": "%s",\n%s\n  }', pairs{number, 2}, pairs{number, 1}, ...
                            strjoin(lines, sprintf(',\n')));
end
fprintf('{\n "program": "%s",\n "scores": {\n%s\n }\n}\n', program, strjoin(blocks, sprintf(',\n')));
